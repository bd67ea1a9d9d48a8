// A daemon that cannot take on a caller's identity, or not all of it, or not come back from its own: who asks is refused, and nothing is shown to
// him or made as anybody else. And what the identity is made of: groups that are the caller's own, and no power over quotas.

import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { all, attempts, GROUP, MEMBER, NOBODY } from './defects-support.ts';
import { mountOther } from './second.ts';
import { type Mounted, mountTest, sh, treeDigest, type User } from './support.ts';
import { traced } from './traced.ts';

const ROOT: User = { uid: 0, gid: 0 };

/** In each layer: what is root's, what a group may read, and a directory in which anybody may do anything. */
function prepare({ lower: [lower = ''], upper }: { lower: string[]; upper: string }): void {
  for (const [layer, age] of [
    [lower, 'old'],
    [upper, 'new'],
  ] as const) {
    writeFileSync(`${layer}/${age}`, 'secret\n');
    chownSync(`${layer}/${age}`, 0, GROUP);
    chmodSync(`${layer}/${age}`, 0o640);
    mkdirSync(`${layer}/${age}open`);
    chmodSync(`${layer}/${age}open`, 0o777);
    for (const name of ['own', 'kept', 'gone']) {
      writeFileSync(`${layer}/${age}open/${name}`, 'his own\n', { mode: 0o600 });
      chownSync(`${layer}/${age}open/${name}`, NOBODY.uid, NOBODY.gid);
    }
  }
}

const each = (act: (age: string) => [string, string]): Record<string, string> =>
  Object.fromEntries([act('old'), act('new')]);

const SECRET = each((age) => [`read ${age}`, `fs.readFileSync(m + "/${age}")`]);

/** What a user may who is taken for himself. */
const HIS_OWN = {
  ...each((age) => [`make ${age}`, `fs.writeFileSync(m + "/${age}open/made", "x", { flag: "wx" })`]),
  ...each((age) => [`mkdir ${age}`, `fs.mkdirSync(m + "/${age}open/dir")`]),
  ...each((age) => [`symlink ${age}`, `fs.symlinkSync("x", m + "/${age}open/symlink")`]),
  ...each((age) => [`list ${age}`, `fs.readdirSync(m + "/${age}open")`]),
  ...each((age) => [`read own ${age}`, `fs.readFileSync(m + "/${age}open/own")`]),
  ...each((age) => [`write own ${age}`, `fs.appendFileSync(m + "/${age}open/own", "x")`]),
  ...each((age) => [`chmod ${age}`, `fs.chmodSync(m + "/${age}open/own", 0o640)`]),
  ...each((age) => [`link ${age}`, `fs.linkSync(m + "/${age}open/own", m + "/${age}open/link")`]),
  ...each((age) => [`rename ${age}`, `fs.renameSync(m + "/${age}open/kept", m + "/${age}open/renamed")`]),
  ...each((age) => [`unlink ${age}`, `fs.unlinkSync(m + "/${age}open/gone")`]),
};

const digests = (m: Mounted) =>
  [m.upper, ...m.lower].map((layer) => treeDigest(layer, { directoryTimes: true }));

const BOTH = { ...SECRET, ...HIS_OWN };
const needs = ['setpriv'];

for (const options of ['cache=none', 'cache=none,permissions=layer']) {
  for (const capability of ['setgid', 'setuid']) {
    const name = `a daemon of root’s without CAP_${capability.toUpperCase()} (${options})`;
    await mountTest(t, name, { root: true, needs, prepare }, async (t, m) => {
      await m.unmount();
      const by = ['setpriv', `--bounding-set=-${capability}`, '--'];
      const { mnt } = await mountOther(t, m, 'without', options, { by });
      const before = digests(m);
      for (const user of [NOBODY, MEMBER])
        t.same(attempts(user, mnt, BOTH), all(BOTH, 'EACCES'), 'nobody but root is served');
      t.same(attempts(ROOT, mnt, SECRET), all(SECRET, 'ok'), 'root is');
      t.same(digests(m), before);
    });
  }

  // As where a security module refuses it. The kernel says so of groups; of file-system ids it only tells that they are what they were: root's.
  for (const [calls, inject] of [
    ['setgroups', 'setgroups:error=EPERM'],
    ['setfsgid', 'setfsgid:retval=0'],
    ['setfsuid', 'setfsuid:retval=0'],
  ] as const) {
    const name = `${calls} is refused (${options})`;
    await mountTest(t, name, { root: true, needs: [...needs, 'strace'], options, prepare }, async (t, m) => {
      attempts(ROOT, m.mnt, SECRET);
      const before = digests(m);
      const trace = await traced(m.daemonPid, m.dir, calls, inject);
      for (const user of [NOBODY, MEMBER])
        t.same(attempts(user, m.mnt, BOTH), all(BOTH, 'EACCES'), 'nobody is served as somebody else');
      t.match(trace.lines(), new RegExp(`${calls}.*INJECTED`));
      await trace.end();
      t.same(digests(m), before);
      t.same(attempts(MEMBER, m.mnt, SECRET), all(SECRET, 'ok'), 'once it can be done, it is');
      t.same(attempts(NOBODY, m.mnt, BOTH), { ...all(HIS_OWN, 'ok'), ...all(SECRET, 'EACCES') });
      const made = [m.upper, ...m.lower].map((layer) => sh('find *open ! -uid 4242', { cwd: layer }));
      t.same(made, ['newopen\noldopen', 'oldopen'], 'what he has made is his');
    });
  }
}
