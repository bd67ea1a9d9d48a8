// Defect 12: when the caller's identity could not be taken on, the request was served as root: from another pid namespace an ordinary
// user read root's 0640 files. Defect 13: access(2) always succeeded, and chdir into another's 0700 directory was allowed.

import { spawn } from 'node:child_process';
import { appendFileSync, chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { mountAt } from '../../src/sys/mountinfo.ts';
import { unmountPath } from './backing.ts';
import { all, attempts, GROUP, MEMBER, NOBODY, pathsIn } from './defects-support.ts';
import { cleanEnv, isAlive, type Mounted, mountTest, program, treeDigest, until } from './support.ts';

/** In each layer: a file and a directory of root's that a group may use, and what is closed to all others. */
function guarded({ lower: [lower], upper }: { lower: string[]; upper: string }): void {
  for (const [layer, age] of [
    [lower as string, 'old'],
    [upper, 'new'],
  ] as const) {
    writeFileSync(`${layer}/${age}`, 'secret\n');
    mkdirSync(`${layer}/${age}dir`);
    writeFileSync(`${layer}/${age}dir/f`, 'in there\n');
    for (const path of [`${layer}/${age}`, `${layer}/${age}dir`]) chownSync(path, 0, GROUP);
    chmodSync(`${layer}/${age}`, 0o640);
    chmodSync(`${layer}/${age}dir`, 0o750);
    writeFileSync(`${layer}/${age}private`, 'root alone\n', { mode: 0o600 });
    mkdirSync(`${layer}/${age}closed`);
    writeFileSync(`${layer}/${age}closed/f`, 'closed in\n');
    mkdirSync(`${layer}/${age}closed/sub`);
    chmodSync(`${layer}/${age}closed`, 0o700);
    writeFileSync(`${layer}/${age}public`, 'read me\n');
  }
}

/** The same act on what the old storage has and on what the new one has. */
const each = (act: (age: string) => [string, string]): Record<string, string> =>
  Object.fromEntries([act('old'), act('new')]);

const BY_GROUP = {
  ...each((age) => [`read ${age}`, `fs.readFileSync(m + "/${age}")`]),
  ...each((age) => [`list ${age}`, `fs.readdirSync(m + "/${age}dir")`]),
  ...each((age) => [`read in ${age}`, `fs.readFileSync(m + "/${age}dir/f")`]),
};

const NEVER = {
  ...each((age) => [`write ${age}`, `fs.appendFileSync(m + "/${age}", "x")`]),
  ...each((age) => [`read ${age} private`, `fs.readFileSync(m + "/${age}private")`]),
  ...each((age) => [`write ${age} private`, `fs.appendFileSync(m + "/${age}private", "x")`]),
  ...each((age) => [`read in ${age} closed`, `fs.readFileSync(m + "/${age}closed/f")`]),
};

const NAMESPACE = ['unshare', '-pf', '--mount-proc'];

// In a pid namespace of its own, root starts there and gives its rights up in it, as in a container.
function inside(user: { uid: number; gid: number; groups?: number[] }): string[] {
  const groups = user.groups ? ['--groups', user.groups.join(',')] : ['--clear-groups'];
  return [...NAMESPACE, 'setpriv', '--reuid', `${user.uid}`, '--regid', `${user.gid}`, ...groups];
}

const ROOT = { uid: 0, gid: 0 };
const needs = ['setpriv', 'unshare'];

for (const options of ['', 'permissions=layer']) {
  const name = `12: nobody is root but root, from a pid namespace neither${options && ` (${options})`}`;
  await mountTest(t, name, { root: true, needs, options, prepare: guarded }, (t, m) => {
    const before = [treeDigest(m.lower[0] as string), treeDigest(m.upper)];
    for (const [where, wrap] of [
      ['here', undefined],
      ['in a pid namespace', inside],
    ] as const) {
      const run = (user: typeof NOBODY, acts: Record<string, string>) =>
        wrap ? attempts(ROOT, m.mnt, acts, wrap(user)) : attempts(user, m.mnt, acts);
      const both = { ...BY_GROUP, ...NEVER };
      t.same(run(NOBODY, both), all(both, 'EACCES'), `${where}: nobody reads nothing`);
      const mixed = { ...all(BY_GROUP, 'ok'), ...all(NEVER, 'EACCES') };
      t.same(run(MEMBER, both), mixed, `${where}: a member of the group may what the group may, and no more`);
    }
    t.same([treeDigest(m.lower[0] as string), treeDigest(m.upper)], before);
  });

  const other = `12: a daemon that cannot see the caller’s process${options && ` (${options})`}`;
  await mountTest(t, other, { root: true, needs, prepare: guarded }, async (t, m) => {
    // The daemon is in the pid namespace here: requests come from process 0, whose groups nobody can read.
    await withDaemonInNamespace(m, options, (mnt) => {
      const before = [treeDigest(m.lower[0] as string), treeDigest(m.upper)];
      const both = { ...BY_GROUP, ...NEVER };
      t.same(attempts(NOBODY, mnt, both), all(both, 'EACCES'));
      t.same(attempts(MEMBER, mnt, both), all(both, 'EACCES'), 'no groups, rather than the daemon’s');
      const acts = { ...BY_GROUP, private: 'fs.readFileSync(m + "/oldprivate")' };
      t.same(attempts(ROOT, mnt, acts), all(acts, 'ok'), 'root is served');
      t.same([treeDigest(m.lower[0] as string), treeDigest(m.upper)], before);
    });
  });
}

async function withDaemonInNamespace(
  m: Mounted,
  options: string,
  body: (mnt: string) => void,
): Promise<void> {
  await m.unmount();
  const words = `lowerdir=${m.lower[0]},upperdir=${m.upper}${options && `,${options}`}`;
  const log = `${m.dir}/log2`;
  const args = ['-pf', process.execPath, program, '-f', '--log-file', log, '-o', words, m.mnt];
  const daemon = spawn(NAMESPACE[0] as string, args, { stdio: 'ignore', cwd: '/', env: cleanEnv() });
  appendFileSync(`${m.dir}/pids`, `${daemon.pid}\n`);
  await until('mounted', () => mountAt(m.mnt) !== undefined || !isAlive(daemon.pid as number), 30_000);
  try {
    body(m.mnt);
  } finally {
    unmountPath(m.mnt);
    await until('end of the daemon', () => !isAlive(daemon.pid as number), 15_000);
  }
}

const ACCESS = {
  ...each((age) => [`R_OK ${age} private`, `fs.accessSync(m + "/${age}private", c.R_OK)`]),
  ...each((age) => [`W_OK ${age} public`, `fs.accessSync(m + "/${age}public", c.W_OK)`]),
  ...each((age) => [`X_OK ${age} public`, `fs.accessSync(m + "/${age}public", c.X_OK)`]),
  ...each((age) => [`X_OK ${age} closed`, `fs.accessSync(m + "/${age}closed", c.X_OK)`]),
  ...each((age) => [`R_OK ${age} closed`, `fs.accessSync(m + "/${age}closed", c.R_OK)`]),
  ...each((age) => [`F_OK in ${age} closed`, `fs.accessSync(m + "/${age}closed/f", c.F_OK)`]),
  ...each((age) => [`stat in ${age} closed`, `fs.lstatSync(m + "/${age}closed/f")`]),
  ...each((age) => [`chdir ${age} closed`, `process.chdir(m + "/${age}closed")`]),
  ...each((age) => [`chdir in ${age} closed`, `process.chdir(m + "/${age}closed/sub")`]),
  ...each((age) => [`list ${age} closed`, `fs.readdirSync(m + "/${age}closed")`]),
  'W_OK root': 'fs.accessSync(m, c.W_OK)',
};

const GRANTED = {
  ...each((age) => [`R_OK ${age} public`, `fs.accessSync(m + "/${age}public", c.R_OK)`]),
  ...each((age) => [`F_OK ${age} private`, `fs.accessSync(m + "/${age}private", c.F_OK)`]),
  ...each((age) => [`F_OK ${age} closed`, `fs.accessSync(m + "/${age}closed", c.F_OK)`]),
  'chdir root': 'process.chdir(m)',
};

for (const options of ['', 'permissions=layer']) {
  const name = `13: access(2) and chdir answer for the caller${options && ` (${options})`}`;
  await mountTest(t, name, { root: true, needs, options, prepare: guarded }, (t, m) => {
    // Twice: what root has looked up meanwhile is cached, and does not open the way for others.
    for (const round of ['first', 'after root']) {
      const mixed = { ...all(ACCESS, 'EACCES'), ...all(GRANTED, 'ok') };
      t.same(attempts(NOBODY, m.mnt, { ...ACCESS, ...GRANTED }), mixed, round);
      const root = {
        ...GRANTED,
        f: 'fs.readFileSync(m + "/oldclosed/f")',
        d: 'fs.lstatSync(m + "/newclosed/f")',
      };
      t.same(attempts(ROOT, m.mnt, root), all(root, 'ok'));
    }
    // access(2) goes by the real ids: of one who acts as root, and of root who acts as another.
    const asRoot = ['setpriv', '--ruid', `${NOBODY.uid}`, '--rgid', `${NOBODY.gid}`, '--clear-groups'];
    const acts = {
      access: 'fs.accessSync(m + "/oldprivate", c.R_OK)',
      'access of new': 'fs.accessSync(m + "/newprivate", c.R_OK)',
      open: 'fs.readFileSync(m + "/oldprivate")',
      'open of new': 'fs.readFileSync(m + "/newprivate")',
    };
    t.same(attempts(ROOT, m.mnt, acts, asRoot), {
      access: 'EACCES',
      'access of new': 'EACCES',
      open: 'ok',
      'open of new': 'ok',
    });
    t.same(
      pathsIn(m.upper).filter((path) => path.startsWith('old')),
      [],
      'nothing has been migrated',
    );
    t.equal(readFileSync(`${m.lower[0]}/oldprivate`, 'utf8'), 'root alone\n');
  });
}
