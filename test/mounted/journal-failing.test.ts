// The journal when something fails: a full storage, something else in its place, two mounts in one file, a daemon that is killed.

import {
  appendFileSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import t, { type Test } from 'tap';
import { errnoOf } from './defects-support.ts';
import { added, eventsOf, filesOf, type Json, recordsOf } from './journal-support.ts';
import { mountAgain } from './second.ts';
import { type Mounted, mountTest, run, sh, until } from './support.ts';

await mountTest(
  t,
  'a full new storage: what fails is recorded, a full journal holds nothing up',
  {
    root: true,
    upperBacking: 'tmpfs',
    backing: 'dir',
    size: '4M',
    prepare: ({ lower: [a] }) =>
      void sh(
        `truncate -s 0 big; head -c 6000000 /dev/urandom >big; mkdir old; for i in $(seq 40); do echo x >old/$i; done`,
        {
          cwd: a as string,
        },
      ),
  },
  (t, m) => {
    const failed = added(m, () =>
      t.equal(
        errnoOf(() => appendFileSync(`${m.mnt}/big`, 'x')),
        'ENOSPC',
      ),
    );
    t.match(failed, [
      { op: 'migrate', result: 'ENOSPC', path: '/big', size: 6000000, copied: 0, method: 'none' },
    ]);
    t.notOk('new_inode' in (failed[0] as Json));
    t.equal(lstatSync(`${m.lower[0]}/big`).size, 6000000);

    run('sh', ['-c', `cat /dev/zero >"${m.upper}/filler"`]);
    const before = recordsOf(m).length;
    // The journal's last page has room for some records.
    for (let i = 1; i <= 30; i++) unlinkSync(`${m.mnt}/old/${i}`);
    t.same(eventsOf(m), ['journal_failed']);
    t.match(
      m.log(),
      /event=journal_failed path=\S+\.ndjson error=ENOSPC consequence=".+" mend="make room on the new storage"/,
    );
    rmSync(`${m.upper}/filler`);
    for (let i = 31; i <= 32; i++) unlinkSync(`${m.mnt}/old/${i}`);
    t.same(readdirSync(`${m.lower[0]}/old`).length, 8, 'all of it happened');
    t.same(eventsOf(m), ['journal_failed', 'journal_works']);
    const lines = readFileSync(filesOf(m)[0] as string, 'latin1')
      .trimEnd()
      .split('\n');
    const whole = lines.filter((line) => line.endsWith('}')).map((line) => JSON.parse(line) as Json);
    t.ok(lines.length - whole.length <= 1, 'at most one was cut short');
    t.same(
      whole.slice(-2).map(({ path }) => path),
      ['/old/31', '/old/32'],
    );
    const lost = 32 - (whole.length - before);
    t.match(m.log(), new RegExp(`event=journal_works path=\\S+ lost=${lost}\\n`));
  },
);

for (const [what, error, make] of [
  ['a file in the place of its directory', 'ENOTDIR', 'echo mine >.migratefs/journal'],
  [
    'a symlink in the place of its directory',
    'E(NOTDIR|LOOP)',
    'mkdir other; ln -s ../other .migratefs/journal',
  ],
] as const) {
  await mountTest(
    t,
    `a journal that cannot be opened: ${what}`,
    {
      prepare: ({ upper, lower: [a] }) => {
        sh(`mkdir -m 700 .migratefs; ${make}`, { cwd: upper });
        writeFileSync(`${a}/file`, 'x');
      },
    },
    (t: Test, m: Mounted) => {
      t.match(m.log(), new RegExp(`level=error event=journal_failed path=\\S+ error=${error} `));
      appendFileSync(`${m.mnt}/file`, 'y');
      t.equal(readFileSync(`${m.upper}/file`, 'utf8'), 'xy', 'users do not notice');
      t.same(eventsOf(m), ['journal_failed']);
      if (existsSync(`${m.upper}/other`)) t.same(readdirSync(`${m.upper}/other`), []);
    },
  );
}

const COUNT = 700;

await mountTest(
  t,
  'two mounts of a host: files are put away, and no record is lost',
  {
    options: 'journal-size=64K',
    prepare: ({ lower: [a] }) => void sh(`touch $(seq -f file-%04g ${COUNT})`, { cwd: a as string }),
  },
  async (t, m) => {
    const mounts = [m.mnt, await mountAgain(t, m, 'journal-size=64K')];
    const names = Array.from({ length: COUNT }, (_, i) => `file-${String(i + 1).padStart(4, '0')}`);
    for (const [i, name] of names.slice(0, -20).entries()) unlinkSync(`${mounts[i % 2]}/${name}`);
    // A file is put away by who writes to it, a second after it was last looked at.
    for (const [i, name] of names.slice(-20).entries()) {
      if (filesOf(m).length < 2) await new Promise((done) => setTimeout(done, 300));
      unlinkSync(`${mounts[i % 2]}/${name}`);
    }
    t.same(
      recordsOf(m)
        .map(({ path }) => path)
        .sort(),
      names.map((name) => `/${name}`),
    );
    t.ok(filesOf(m).length >= 2, filesOf(m).join());
    t.match(filesOf(m)[1], /\.ndjson\.000001$/);
    t.same(eventsOf(m), []);
  },
);

await mountTest(
  t,
  'a daemon that is killed has recorded what it has answered',
  { prepare: ({ lower: [a] }) => void sh('for i in 1 2 3 4; do echo $i >$i; done', { cwd: a as string }) },
  async (t, m) => {
    for (const [i, act] of [
      () => appendFileSync(`${m.mnt}/1`, 'x'),
      () => unlinkSync(`${m.mnt}/2`),
      () => renameSync(`${m.mnt}/3`, `${m.mnt}/three`),
    ].entries()) {
      act();
      m.signal('SIGKILL');
      await m.ended();
      t.match(recordsOf(m).at(-1), { path: `/${i + 1}`, result: 'ok' });
      t.equal(recordsOf(m).length, i + 1);
      await m.remount();
    }
  },
);

await mountTest(
  t,
  'the journal is synced a second after a record, and at the end',
  {
    root: true,
    needs: ['strace'],
    prepare: ({ lower: [a] }) => void sh('echo 1 >1; echo 2 >2', { cwd: a as string }),
  },
  async (t, m) => {
    const trace = `${m.dir}/trace`;
    const tracer = `exec setsid strace -f -y -e trace=fdatasync -o "$1" -p "$2" >/dev/null 2>&1 &`;
    sh(tracer, { args: [trace, `${m.daemonPid}`] });
    const synced = () =>
      (existsSync(trace) ? readFileSync(trace, 'latin1') : '').split('.ndjson>').length - 1;
    await until(
      'traced',
      () =>
        existsSync(trace) && /TracerPid:\t[1-9]/.test(readFileSync(`/proc/${m.daemonPid}/status`, 'latin1')),
    );
    unlinkSync(`${m.mnt}/1`);
    await until('synced', () => synced() >= 1);
    const before = synced();
    unlinkSync(`${m.mnt}/2`);
    await m.unmount();
    await until('synced at the end', () => synced() > before);
    t.equal(recordsOf(m).length, 2);
  },
);
