// A daemon that cannot take on a caller's identity, or not all of it, or not come back from its own: who asks is refused, and nothing is shown to
// him or made as anybody else. And what the identity is made of: groups that are the caller's own, and no power over quotas.

import { spawn } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { all, attempts, GROUP, leftovers, MEMBER, NOBODY } from './defects-support.ts';
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

/** What lies in each layer where he alone has anything, and is somebody else's. */
const whose = (m: Mounted) =>
  [m.upper, ...m.lower].map((layer) => sh('find *open -mindepth 1 ! -uid 4242', { cwd: layer }));

/** Of capabilities(7). */
const OVERRIDE = 1n;
const SETUID = 7n;
const RESOURCE = 24n;

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
      t.same(whose(m), ['', ''], 'what he has made is his');
    });
  }
}

await mountTest(
  t,
  'refused in the middle of a copy-up: on the way to the daemon’s own identity, or back',
  {
    root: true,
    needs: [...needs, 'strace'],
    options: 'cache=none,permissions=layer,threads=1',
    timeout: 300_000,
    prepare,
  },
  async (t, m) => {
    const write = { write: 'fs.appendFileSync(m + "/oldopen/own", "x")' };
    attempts(ROOT, m.mnt, SECRET);
    const before = digests(m);
    const answers: string[] = [];
    // The one worker takes on somebody for the nth time since strace has come.
    for (let refused = true; refused; ) {
      const nth = answers.length + 1;
      const trace = await traced(m.daemonPid, m.dir, 'setgroups', `setgroups:error=EPERM:when=${nth}+`);
      answers.push(attempts(NOBODY, m.mnt, write).write as string);
      refused = trace.lines().includes('INJECTED');
      if (refused)
        t.same(
          attempts(NOBODY, m.mnt, BOTH),
          all(BOTH, 'EACCES'),
          `${nth}: the next is not served as the daemon`,
        );
      await trace.end();
      if (refused) t.same(digests(m)[1], before[1], `${nth}: nothing has moved`);
      if (refused) t.same(whose(m), ['', ''], `${nth}: nothing is made as the daemon`);
    }
    t.ok(answers.length > 5, `${answers.length} times`);
    t.same(answers, ['EACCES', ...answers.slice(2).map(() => 'EIO'), 'ok']);
    t.equal(readFileSync(`${m.upper}/oldopen/own`, 'utf8'), 'his own\nx');
    t.same(whose(m), ['', '']);
    await m.remount();
    for (const layer of [m.upper, ...m.lower]) t.same(leftovers(layer), [], 'nothing unfinished is left');
  },
);

/** The tasks of the daemon that act for somebody. */
function tasksOf({ daemonPid }: Mounted, { uid }: User): { task: string; capabilities: bigint[] }[] {
  return readdirSync(`/proc/${daemonPid}/task`).flatMap((task) => {
    const status = readFileSync(`/proc/${daemonPid}/task/${task}/status`, 'latin1');
    const sets = ['CapPrm', 'CapEff'].map((set) =>
      BigInt(`0x${new RegExp(`^${set}:\\s+(\\w+)$`, 'm').exec(status)?.[1]}`),
    );
    return new RegExp(`^Uid:(?:\\s+\\d+){3}\\s+${uid}$`, 'm').test(status)
      ? [{ task, capabilities: sets }]
      : [];
  });
}

/** Has each of two workers serve somebody. */
async function servedByBoth(m: Mounted, user: User, name: string): Promise<void> {
  const stopped = m.faults.pause('permission.asked');
  const words = ['--reuid', `${user.uid}`, '--regid', `${user.gid}`, '--clear-groups', 'perl', '-e'];
  const opener = spawn('setpriv', [
    ...words,
    'sysopen(my $f, $ARGV[0], 2) or die',
    `${m.mnt}/oldopen/${name}`,
  ]);
  const ended = new Promise((done) => opener.once('close', done));
  const there = await stopped();
  // What the new storage alone is asked about: one of two workers at most is in an old one.
  attempts(user, m.mnt, { look: 'fs.lstatSync(m + "/new")' });
  there.go();
  if ((await ended) !== 0) throw new Error(`${name} cannot be opened`);
}

await mountTest(
  t,
  'no worker has CAP_SYS_RESOURCE, whomever it serves',
  { root: true, faults: true, needs: [...needs, 'perl', 'strace'], options: 'cache=none,threads=2', prepare },
  async (t, m) => {
    const has = (sets: bigint[], bit: bigint) => sets.map((set) => (set >> bit) & 1n);
    await servedByBoth(m, NOBODY, 'own');
    const workers = tasksOf(m, NOBODY);
    t.equal(workers.length, 2);
    for (const { capabilities } of workers) {
      t.same(has(capabilities, SETUID), [1n, 1n]);
      t.same(has(capabilities, OVERRIDE), [1n, 0n], 'with the user’s power over files');
      t.same(has(capabilities, RESOURCE), [0n, 0n]);
    }
    await servedByBoth(m, ROOT, 'kept');
    t.same(tasksOf(m, NOBODY), []);
    for (const { task } of workers) {
      const { capabilities = [] } = tasksOf(m, ROOT).find((each) => each.task === task) ?? {};
      t.same(has(capabilities, OVERRIDE), [1n, 1n], 'back to root');
      t.same(has(capabilities, RESOURCE), [0n, 0n]);
    }

    // Root may lack it here anyway, as in a container: so it is seen to be given up as well, before anybody is served.
    const file = `${m.dir}/trace`;
    const by = ['strace', '-f', '-qq', '-o', file, '-e', 'trace=capset,setgroups'];
    const { mnt } = await mountOther(t, m, 'other', 'cache=none,threads=2', { by });
    attempts(NOBODY, mnt, HIS_OWN);
    const calls = new Map<string, string[]>();
    for (const [, task = '', call = ''] of readFileSync(file, 'latin1').matchAll(
      /^(\d+) +((?:capset|setgroups)\(.*)$/gm,
    ))
      calls.set(task, [...(calls.get(task) ?? []), call]);
    const serving = [...calls.values()].filter((each) => each.some((call) => call.startsWith('setgroups')));
    t.not(serving.length, 0);
    for (const [first = ''] of serving) {
      t.match(first, /^capset\(.*CAP_SETUID.* = 0$/);
      t.notMatch(first, /CAP_SYS_RESOURCE/);
    }
  },
);

await mountTest(
  t,
  'groups are a caller’s own: believed only where the ids beside them are the request’s',
  { root: true, needs, options: 'cache=none,permissions=layer', prepare },
  (t, m) => {
    // access(2) asks in the name of the real ids, while /proc tells the ids of the effective ones first; the groups are the process's.
    const acts = { access: 'fs.accessSync(m + "/old", c.R_OK)', open: 'fs.readFileSync(m + "/new")' };
    const by = (uids: number[], gids: number[]) =>
      attempts(ROOT, m.mnt, acts, [
        ...['setpriv', '--groups', `${GROUP}`],
        ...['--rgid', `${gids[0]}`, '--egid', `${gids[1]}`, '--ruid', `${uids[0]}`, '--euid', `${uids[1]}`],
      ]);
    const own = MEMBER.uid;
    const other = NOBODY.uid;
    t.same(by([own, own], [own, own]), { access: 'ok', open: 'ok' });
    t.same(by([other, own], [own, own]), { access: 'EACCES', open: 'ok' }, 'another user’s');
    t.same(by([own, own], [other, own]), { access: 'EACCES', open: 'ok' }, 'in another group');
  },
);
