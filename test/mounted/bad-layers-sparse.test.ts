// Files that are far larger than their storage: the copy has the same holes.

import { closeSync, openSync, statSync, writeSync } from 'node:fs';
import t from 'tap';
import { mountTest, must, sh, whereIs } from './support.ts';

for (const backing of ['tmpfs', 'xfs'] as const) {
  await mountTest(
    t,
    `giant sparse files come up as the holes that they are, on ${backing}`,
    {
      root: true,
      backing,
      size: backing === 'xfs' ? '400M' : '64M',
      prepare: ({ lower: [a = ''] }) => {
        for (const [name, size] of [
          ['tib', '1T'],
          ['eib', '8191P'],
        ]) {
          must('truncate', ['-s', size as string, `${a}/${name}`]);
          const fd = openSync(`${a}/${name}`, 'r+');
          writeSync(fd, 'begin', 0);
          writeSync(fd, 'middle', 2 ** 39);
          closeSync(fd);
        }
      },
    },
    (t, m) => {
      for (const name of ['tib', 'eib']) {
        const was = statSync(`${m.lower[0]}/${name}`, { bigint: true });
        sh('printf end | dd of="$1" bs=3 seek="$2" oflag=seek_bytes conv=notrunc status=none', {
          args: [`${m.mnt}/${name}`, `${was.size - 3n}`],
        });
        t.equal(whereIs(m, name), 'upper');
        const now = statSync(`${m.upper}/${name}`, { bigint: true });
        t.equal(now.size, was.size);
        t.ok(now.blocks <= was.blocks + 1024n, `${now.blocks} blocks of ${was.blocks}`);
        for (const [at, bytes] of [
          [0, 'begin'],
          [2 ** 39, 'middle'],
          [was.size - 3n, 'end'],
        ] as const) {
          t.equal(
            sh('dd if="$1" bs=1 skip="$2" count="$3" iflag=skip_bytes status=none', {
              args: [`${m.mnt}/${name}`, `${at}`, `${bytes.length}`],
            }),
            bytes,
          );
        }
      }
    },
  );
}
