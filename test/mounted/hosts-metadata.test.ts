// One host changes the owner, mode, times, xattrs or names of what another one is bringing up: who copies has looked at the source for the last
// time, who changes finds no copy yet. Whatever was answered holds in the end, on both.

import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import type { FaultPoint } from '../../src/layers/faultpoint.ts';
import { UNPUBLISHED } from './faults.ts';
import { type Hosts, hostsTest, list } from './hosts.ts';
import { isRoot, type MountTestOptions, run, sh, until, whereIs } from './support.ts';

/** What is done to `x`, and the shell command that says afterwards whether it holds. Without -c, touch(1) opens it for writing, which brings it up. */
const CHANGES: readonly [act: string, holds: string][] = [
  ['chmod 600 x', 'stat -c %a x; echo 600'],
  ['touch -c -d @978307200 x', 'stat -c %Y x; echo 978307200'],
  ['setfattr -n user.new -v 1 x', 'getfattr --only-values -n user.new x; echo; echo 1'],
  ['setfattr -n user.kept -v 2 x', 'getfattr --only-values -n user.kept x; echo; echo 2'],
  ['setfattr -x user.gone x', 'getfattr -d x | grep -c gone || true; echo 0'],
  ['setfacl -m u:1:r x', 'getfacl -pn x | grep -c "^user:1:r--"; echo 1'],
  ...(isRoot ? ([['chown 7:8 x', 'stat -c %u:%g x; echo 7:8']] as [string, string][]) : []),
];

function lay({ upper, lower: [lower = ''] }: { upper: string; lower: string[] }): void {
  for (const layer of [upper, lower]) for (let i = 0; i < CHANGES.length; i++) mkdirSync(`${layer}/${i}`);
  for (let i = 0; i < CHANGES.length; i++) {
    writeFileSync(`${lower}/${i}/x`, 'old\n');
    sh(`setfattr -n user.kept -v 1 x; setfattr -n user.gone -v 1 x; chmod 644 x`, { cwd: `${lower}/${i}` });
  }
}

function check(t: Test, m: Hosts, directory: string | number, holds: string, what: string): void {
  for (const { mnt } of [m.a, m.b]) {
    const [is, wanted] = sh(holds, { cwd: `${mnt}/${directory}` })
      .trim()
      .split('\n');
    t.equal(is, wanted, what);
  }
}

const options: MountTestOptions = {
  backing: isRoot ? 'ext4' : 'dir',
  needs: ['setfattr', 'setfacl'],
  prepare: lay,
};

for (const point of UNPUBLISHED) {
  await hostsTest(t, `metadata that changes while another host is at ${point}`, options, async (t, m) => {
    for (const [i, [act, holds]] of CHANGES.entries()) {
      const stopped = m.a.faults.pause(point);
      // A time that is set is not to be changed by the write.
      const opening = m.a.run(`exec 3>>${i}/x`);
      const there = await stopped();
      t.equal(await m.b.run(`cd ${i}; ${act}`), 'ok');
      there.go();
      t.equal(await opening, 'ok');
      t.equal(whereIs(m, `${i}/x`), 'upper');
      check(t, m, i, holds, act);
    }
  });
}

await hostsTest(
  t,
  'what was about to be changed in its place, and has come up meanwhile, is changed where it is',
  options,
  async (t, m) => {
    for (const [i, [act, holds]] of CHANGES.entries()) {
      const opened = m.b.faults.pause('metadata.opened');
      const changing = m.b.run(`cd ${i}; ${act}`);
      const there = await opened();
      t.equal(await m.a.run(`exec 3>>${i}/x`), 'ok');
      there.go();
      t.equal(await changing, 'ok');
      t.equal(whereIs(m, `${i}/x`), 'upper');
      check(t, m, i, holds, act);
    }
  },
);

// Of the same thing each as CHANGES has it; and first of another one, which stays. Each waits for the copy that is coming.
const EARLIER = [
  'touch -c -d @1 x; chmod 640 x',
  'touch -c -d @1 x',
  'setfattr -n user.new -v 7 x',
  'setfattr -n user.kept -v 7 x',
  'setfattr -n user.gone -v 7 x',
  'setfacl -m u:1:w x',
  'chown 9:9 x',
];

// Who changes the copy comes after who has changed the source before it was one: his word is the last.
await hostsTest(
  t,
  'metadata of a copy that has just got its name, of whose source another host had changed the same',
  options,
  async (t, m) => {
    for (const [i, [act, holds]] of CHANGES.entries()) {
      const [ready, published] = [m.a.faults.pause('copyup.ready'), m.a.faults.pause('copyup.published')];
      const opening = m.a.run(`exec 3>>${i}/x`);
      const unnamed = await ready();
      t.equal(await m.b.run(`cd ${i}; ${EARLIER[i]}`), 'ok');
      unnamed.go();
      const named = await published();
      t.equal(await m.b.run(`cd ${i}; ${act}`), 'ok');
      named.go();
      t.equal(await opening, 'ok');
      check(t, m, i, holds, act);
      if (i === 0) check(t, m, i, 'stat -c %Y x; echo 1', 'what he has not changed is as it was');
    }
  },
);

const root = fileURLToPath(new URL('../../', import.meta.url));

/** setxattr(2) of `user.new` with XATTR_CREATE. */
const CREATE_XATTR = `'${process.execPath}' --import='${root}test/typescript/register.js' --input-type=module -e '
import { cstring } from "${root}src/sys/cstring.ts";
import { setxattr } from "${root}src/sys/xattr.ts";
const result = setxattr(cstring("x"), cstring("user.new"), Buffer.from("1"), 1, 1);
if (result !== 0) { console.error(": " + result); process.exit(1); }'`;

// Who has changed the source finds that a copy is coming, and is told of it by the time at which that has the change: it is no other's.
for (const [act, holds, isMade] of [
  [...(CHANGES[4] as [string, string]), '! getfattr -d x | grep -q user.gone'],
  [CREATE_XATTR, 'getfattr --only-values -n user.new x; echo; echo 1', 'getfattr -n user.new x'],
] as [string, string, string][]) {
  await hostsTest(
    t,
    `an xattr that is ${act === CREATE_XATTR ? 'created' : 'removed'}, once, while another host brings its file up`,
    options,
    async (t, m) => {
      const stopped = m.a.faults.pause('copyup.ready');
      const opening = m.a.run('exec 3>>0/x');
      const there = await stopped();
      const changing = m.b.run(`cd 0; ${act}`);
      await until(
        'the source is changed',
        () => run('sh', ['-c', isMade], { cwd: `${m.lower[0]}/0` }).status === 0,
      );
      there.go();
      t.equal(await changing, 'ok');
      t.equal(await opening, 'ok');
      t.equal(whereIs(m, '0/x'), 'upper');
      check(t, m, 0, holds, act);
    },
  );
}

/** Both names are those of one file, on both hosts, and it has what was appended. */
function checkLinks(t: Test, m: Hosts): void {
  for (const { mnt } of [m.a, m.b]) {
    const [x, y] = ['x', 'y'].map((name) => statSync(`${mnt}/${name}`));
    t.equal(x?.ino, y?.ino, 'one file');
    t.equal(x?.nlink, 2);
    for (const name of ['x', 'y']) t.equal(readFileSync(`${mnt}/${name}`, 'latin1'), 'old\na\n', name);
  }
  for (const layer of m.lower)
    t.same(
      list(layer).filter((name) => name !== '.migratefs'),
      [],
    );
}

for (const point of [...UNPUBLISHED, 'copyup.published', 'source.checked'] as FaultPoint[]) {
  await hostsTest(
    t,
    `a name that a file gets while another host is at ${point}`,
    { prepare: ({ lower: [lower] }) => writeFileSync(`${lower}/x`, 'old\n') },
    async (t, m) => {
      const stopped = m.a.faults.pause(point);
      const first = m.a.run('echo a >>x');
      const there = await stopped();
      const second = m.b.run('ln x y');
      // It may wait for the copy, which is stopped.
      t.equal(await Promise.race([second, new Promise((done) => setTimeout(done, 4000, 'late'))]), 'ok');
      there.go();
      t.equal(await first, 'ok');
      checkLinks(t, m);
    },
  );
}

await hostsTest(
  t,
  'a file that was to get another name, and has come up meanwhile, gets it where it is',
  { prepare: ({ lower: [lower] }) => writeFileSync(`${lower}/x`, 'old\n') },
  async (t, m) => {
    const opened = m.b.faults.pause('link.opened');
    const second = m.b.run('ln x y');
    const there = await opened();
    t.equal(await m.a.run('echo a >>x'), 'ok');
    there.go();
    t.equal(await second, 'ok');
    checkLinks(t, m);
  },
);

// With its owner still in it, and without the time that the new entry sets.
const OF_DIRECTORIES = CHANGES.filter(([act]) => !act.startsWith('touch')).map(
  (change) => change.map((text) => text.replace('600', '700')) as [string, string],
);

for (const point of ['mirror.named', 'mirror.ready', 'mirror.made'] as FaultPoint[]) {
  await hostsTest(
    t,
    `a directory whose metadata changes while another host is at ${point}`,
    {
      ...options,
      prepare: ({ lower: [lower = ''] }) => {
        for (let i = 0; i < OF_DIRECTORIES.length; i++) {
          mkdirSync(`${lower}/${i}/x`, { recursive: true });
          sh('setfattr -n user.kept -v 1 x; setfattr -n user.gone -v 1 x', { cwd: `${lower}/${i}` });
        }
      },
    },
    async (t, m) => {
      for (const [i, [act, holds]] of OF_DIRECTORIES.entries()) {
        sh(`mkdir -p ${m.upper}/${i}`);
        const stopped = m.a.faults.pause(point);
        const first = m.a.run(`touch ${i}/x/new`);
        const there = await stopped();
        t.equal(await m.b.run(`cd ${i}; ${act}`), 'ok');
        there.go();
        t.equal(await first, 'ok');
        check(t, m, i, holds, act);
      }
    },
  );
}
