// A tree as a program's sources are: directories three deep, most files of a few KiB, some of many. The same one each time.

import { mkdirSync, writeFileSync } from 'node:fs';

/** Makes `count` files below `directory`. @returns bytes in all */
export function makeSources(directory: string, count: number): number {
  let all = 0;
  for (let i = 0; i < count; i++) {
    const folder = `${directory}/part${i % 7}/module${i % 41}/src`;
    if (i < 7 * 41) mkdirSync(folder, { recursive: true });
    const size = sizeOf(i);
    writeFileSync(`${folder}/file${i}.c`, `/* ${i} */\n`.padEnd(size, 'int x;\n'));
    all += size;
  }
  return all;
}

/** From 64 bytes to 64 KiB, evenly on a logarithmic scale: 4 KiB in the middle half. */
const sizeOf = (i: number): number => Math.round(64 * 1024 ** (((i * 7919) % 1000) / 1000));
