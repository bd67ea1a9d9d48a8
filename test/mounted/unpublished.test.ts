// What can be seen of a copy before it is published: nothing where the new storage has O_TMPFILE; else one name in a folder that is root's alone,
// closed until the copy is complete. No one else comes to a set-id copy before it is the file itself.

import { spawn } from 'node:child_process';
import { chmodSync, chownSync, lstatSync, writeFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { leftovers, NOBODY, pathsIn } from './defects-support.ts';
import { UNPUBLISHED } from './faults.ts';
import { cleanEnv, type Mounted, type MountTestOptions, mountTest, shAs, type User } from './support.ts';

const OWNER: User = { uid: 4247, gid: 4248 };
const MODE = 0o6755;
const CONTENT = '#!/bin/sh\necho runs\n';

/** The storage itself, where the layer is a sick one over it. */
const below = (m: Mounted) => (m.behind === '' ? m.upper : m.behind);

const prepare = ({ lower: [lower] }: { lower: string[] }) => {
  for (const point of UNPUBLISHED) {
    writeFileSync(`${lower}/${point}`, CONTENT);
    chownSync(`${lower}/${point}`, OWNER.uid, OWNER.gid);
    chmodSync(`${lower}/${point}`, MODE);
  }
};

/** Stops the copy-up of a file at each step until it is published, and has `look` look; then it is whole. */
async function eachStep(t: Test, m: Mounted, look: (point: string) => void): Promise<void> {
  for (const point of UNPUBLISHED) {
    const before = pathsIn(below(m));
    const stopped = m.faults.pause(point);
    const open = ['-e', 'fs.closeSync(fs.openSync(process.argv[1], "r+"))', `${m.mnt}/${point}`];
    const user = spawn(process.execPath, open, { stdio: 'ignore', env: cleanEnv() });
    const ended = new Promise((done) => user.once('close', done));
    const there = await stopped();
    t.same(pathsIn(below(m)), before, `${point}: nothing new among the users’ names`);
    look(point);
    there.go();
    t.equal(await ended, 0);
    const { mode, uid, gid } = lstatSync(`${below(m)}/${point}`);
    t.same([mode & 0o7777, uid, gid], [MODE, OWNER.uid, OWNER.gid], 'the file has all that it had');
    t.same(leftovers(below(m)), []);
  }
}

const options: MountTestOptions = { root: true, faults: true, needs: ['setpriv'], prepare };

for (const backing of ['ext4', 'xfs', 'btrfs', 'tmpfs'] as const) {
  await mountTest(t, `a copy has no name at all, ${backing}`, { ...options, backing }, (t, m) =>
    eachStep(t, m, (point) => t.same(leftovers(m.upper), [], `${point}: no name`)),
  );
}

await mountTest(t, 'a copy has a name that nobody else reaches', { ...options, sick: 'upper' }, (t, m) =>
  eachStep(t, m, (point) => {
    const ours = `${m.behind}/.migratefs`;
    const [name = '', ...more] = leftovers(m.behind);
    t.same(more, [], `${point}: one name`);
    const { mode, uid, gid, nlink } = lstatSync(`${ours}/work/${name}`);
    t.equal(nlink, 1);
    // It gets its owner first, and its mode when it has its content: at the second point it is still closed.
    const owner = point === 'copyup.temporary' ? [0, 0] : [OWNER.uid, OWNER.gid];
    const closed = point === 'copyup.temporary' || point === 'copyup.data';
    t.same([uid, gid, (mode & 0o7777).toString(8)], [...owner, (closed ? 0o600 : MODE).toString(8)], point);
    for (const dir of [ours, `${ours}/work`]) {
      const { mode, uid } = lstatSync(dir);
      t.same([(mode & 0o7777).toString(8), uid], ['700', 0], 'its folder is root’s alone');
    }
    for (const user of [NOBODY, OWNER]) {
      for (const act of ['stat', 'cat', 'exec']) {
        const { status, stdout, stderr } = shAs(user, `${act} "$1"`, { args: [`${ours}/work/${name}`] });
        t.not(status, 0, `${act}, as ${user.uid}`);
        t.equal(stdout, '');
        t.match(stderr, /Permission denied/);
      }
    }
  }),
);
