// A directory that the kernel forgets while a request works in it: the one that the request has come through may be in another by now. Its
// descriptors stay open until the request is done, or their numbers would be other directories'.

import { mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { hostsTest } from './hosts.ts';
import { sh, treeDigest } from './support.ts';

const OTHERS = Array.from({ length: 40 }, (_, i) => `other${i}`);

await hostsTest(
  t,
  'a directory moves in the old storage, and its parent is forgotten, while it is made on the new one',
  {
    root: true,
    prepare: ({ lower: [lower] }) => {
      for (const name of ['p', 'q', 'p/sub', ...OTHERS]) mkdirSync(`${lower}/${name}`);
      writeFileSync(`${lower}/p/sub/f`, 'old\n');
    },
  },
  async (t, m) => {
    const [lower] = m.lower as [string];
    const stopped = m.a.faults.pause('mirror.named');
    // That of p itself comes first.
    const first = m.a.run('echo more >>p/sub/f');
    (await stopped()).go();
    const again = m.a.faults.pause('mirror.named');
    const there = await again();
    renameSync(`${lower}/p/sub`, `${lower}/q/sub`);
    t.equal(await m.a.run('stat q/sub'), 'ok');
    sh('for i in 1 2 3; do echo 2 >/proc/sys/vm/drop_caches; done');
    // Other directories' descriptors take the numbers that are free.
    for (const name of OTHERS) readdirSync(`${m.mnt}/${name}`);
    const changed = () => OTHERS.map((name) => statSync(`${lower}/${name}`, { bigint: true }).ctimeNs);
    const before = changed();
    there.go();
    t.match(await first, /^(?:ok|Stale file handle|No such file or directory)$/);
    t.same(changed(), before, 'nothing has come and gone in other directories');
    t.equal(await m.a.run('echo again >>q/sub/f; ! [ -e p/sub ]'), 'ok');
    t.same(readdirSync(m.upper).sort(), ['.migratefs', 'p', 'q']);
    t.same(treeDigest(m.b.mnt), treeDigest(m.mnt), 'both see the same');
    t.notMatch(m.log(), / level=error /);
  },
);
