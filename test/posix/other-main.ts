// The other process: makes one call for each line that comes by descriptor 3, and answers with a line by descriptor 4. Its end is the end of its input.

import { read, write } from '../../src/sys/fd.ts';
import { unmapLeft } from './calls/files.ts';
import { calls } from './calls/index.ts';
import { leftOpen, sure } from './calls/support.ts';
import { pack, unpack } from './wire.ts';

interface Request {
  name: keyof typeof calls | 'tidy';
  args: unknown[];
  cwd: string;
}

function tidy(): number {
  calls.chdir('/');
  for (const fd of leftOpen()) calls.close(fd);
  unmapLeft();
  return 0;
}

function answer({ name, args, cwd }: Request): unknown {
  if (name === 'tidy') return tidy();
  if (typeof cwd === 'string') sure(calls.chdir(cwd), `chdir ${cwd}`);
  return (calls[name] as (...args: unknown[]) => unknown)(...args);
}

function answered(line: string): string {
  try {
    return pack({ value: answer(unpack(line) as Request) });
  } catch (error) {
    return pack({ error: (error as Error).message });
  }
}

const bytes = new Uint8Array(1 << 16);
let text = '';
for (;;) {
  const count = sure(read(3, bytes, bytes.length), 'read');
  if (count === 0) break;
  text += Buffer.from(bytes.subarray(0, count)).toString();
  for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
    const line = Buffer.from(`${answered(text.slice(0, end))}\n`);
    sure(write(4, line, line.length), 'write');
    text = text.slice(end + 1);
  }
}
