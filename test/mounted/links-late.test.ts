// What has one name when it is copied, and is given a further one in the old storage before the copy has its own: one object afterwards, whatever
// its kind, and also where the new storage knows no files without a name.

import { linkSync, lstatSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { hostsTest, list } from './hosts.ts';
import { must, whereIs } from './support.ts';

const KINDS = {
  file: (path: string) => writeFileSync(path, 'old\n'),
  symlink: (path: string) => symlinkSync('nowhere', path),
  fifo: (path: string) => must('mkfifo', [path]),
};

for (const [kind, make] of Object.entries(KINDS)) {
  const prepare = ({ upper, lower: [lower] }: { upper: string; lower: string[] }) => {
    for (const dir of [lower, upper]) mkdirSync(`${dir}/a`);
    mkdirSync(`${lower}/b`);
    make(`${lower}/a/it`);
    writeFileSync(`${upper}/a/over`, 'new\n');
  };
  await hostsTest(t, `a ${kind}`, { prepare, timeout: 30_000 }, async (t, m) => {
    const ready = m.a.faults.pause('copyup.ready');
    const mover = m.a.run('mv a/it a/over'); // to the new storage, which has that
    const copying = await ready();
    linkSync(`${m.lower[0]}/a/it`, `${m.lower[0]}/b/it`);
    copying.go();
    t.equal(await mover, 'ok');
    for (const name of ['a/over', 'b/it']) {
      t.equal(lstatSync(`${m.mnt}/${name}`).nlink, 2, name);
      t.equal(whereIs(m, name), 'upper', name);
    }
    t.equal(lstatSync(`${m.mnt}/a/over`).ino, lstatSync(`${m.mnt}/b/it`).ino, 'one object');
    t.same(list(`${m.lower[0]}/a`), [], 'the source has gone');
    t.notMatch(m.log(), /source_kept/);
  });
}
