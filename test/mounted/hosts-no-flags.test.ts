// A storage whose renameat2(2) knows no flags (NFS, GlusterFS, sshfs): a file that gets a new name has both for a moment, in which another host
// takes the old one away. What it is then is what either has asked for, one after the other, and never two files.

import { readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { hostsTest, list } from './hosts.ts';
import { whereIs } from './support.ts';

const GONE = 'No such file or directory';

/** What the second host does to `x`, what the first is told then of its `mv x new`, and what there is. */
const ACTS: [act: string, answer: string, files: Record<string, string>][] = [
  ['echo b >>x', 'ok', { new: 'old\nb\n' }],
  ['rm x', GONE, {}],
  ['mv -nT x other', GONE, { other: 'old\n' }],
];

for (const [act, answer, files] of ACTS) {
  await hostsTest(
    t,
    `mv x new, and another host does ${act}`,
    {
      root: true,
      sick: 'lower',
      prepare: ({ lower: [lower] }) => writeFileSync(`${lower}/x`, 'old\n'),
    },
    async (t, m) => {
      await m.sick.fail('EINVAL', { operations: ['RENAME2'] });
      const linked = m.a.faults.pause('name.linked');
      const mover = m.a.run('mv -nT x new');
      const there = await linked();
      t.equal(await m.b.run(act), 'ok');
      there.go();
      t.equal(await mover, answer);
      for (const { mnt } of [m.a, m.b]) {
        t.same(list(mnt), Object.keys(files));
        for (const [name, text] of Object.entries(files))
          t.equal(readFileSync(`${mnt}/${name}`, 'utf8'), text);
      }
      for (const name of ['x', 'new', 'other'])
        t.not(whereIs(m, name), 'upper lower', `${name} lies in one layer`);
    },
  );
}
