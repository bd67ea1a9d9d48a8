// A write takes set-id bits away at once, also from what the kernel believes of the file: it leaves taking them to the file system, and
// would run a program that somebody has just overwritten as the program's owner as long as its attributes are cached.

import { chmodSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { mountTest, must, shAs } from './support.ts';

const writer = { uid: 1001, gid: 1001 };

await mountTest(
  t,
  'who writes to a set-id program does not become its owner',
  { root: true, options: 'cache=exclusive' },
  (t, m) => {
    chmodSync(m.mnt, 0o777);
    const file = `${m.mnt}/program`;
    /** Asks for the mode alone, which the kernel answers from what it knows. */
    const mode = () => must('stat', ['-c', '%a', file]);
    const ways = {
      'a write': 'exec 3<>"$1"; echo x >&3',
      'an append': 'echo x >> "$1"',
      O_TRUNC: ': > "$1"',
      truncate: 'truncate -s 3 "$1"',
      fallocate: 'fallocate -l 4096 "$1"',
      'a copy within the kernel': 'cp --reflink=never /etc/passwd "$2"; cat "$2" 1<>"$1"',
    };
    for (const [way, script] of Object.entries(ways)) {
      writeFileSync(file, 'content');
      chmodSync(file, 0o6777);
      t.equal(mode(), '6777');
      const done = shAs(writer, script, { args: [file, `${m.mnt}/other`] });
      t.equal(done.stderr, '', way);
      t.equal(mode(), '777', `${way}: the bits are gone`);
    }
    must('chmod', ['u+s', file]);
    t.equal(mode(), '4777', 'and can be given back');
  },
);
