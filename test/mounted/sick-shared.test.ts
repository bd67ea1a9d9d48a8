// A lower layer that hangs with all it has, when several hosts have it (`cache=shared`, as by default) and nothing is believed any more of what was
// found out about it: files of the upper layer are served without asking it, also in directories that it may have, or has. What cannot be answered
// without it waits, each for himself.

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { Hung, type Mounted, type MountTestOptions, mountTest, run, until } from './support.ts';

const PROCESSES = 16;
/** Milliseconds that what is well may take beside what hangs, on a loaded machine. */
const SOON = 8000;
/** For so long names, attributes and missing sides are believed, and some more. */
const BELIEVED_MS = 1300;

/** `own` is the upper layer's alone, `both` has a side on either, `both/own` is the upper layer's in there. */
const FILES = ['own/file', 'both/up', 'both/own/file'];

/** By other processes, so that a failure cannot hang the test. Nothing of it needs anything but the file. */
const WELL = `
use Fcntl;
use IO::Handle;
my $name;
sub done { $_[0] or die "$_[1] of $name: $!\\n" }
sub opened { my ($flags, $what) = @_; done(sysopen(my $fd, $name, $flags), $what); $fd }
sub holds { my $fd = opened(O_RDONLY, 'open'); my $is = join('', <$fd>); $is eq $_[0] or die "$name: $is, not $_[0]\\n" }
for (@ARGV) {
  $name = $_;
  my ($dir) = m{(.*)/};
  done(-d $dir, 'stat the directory');
  done(-s $name == 4, 'stat');
  holds('mine');
  my $fd = opened(O_WRONLY | O_APPEND, 'append');
  done(syswrite($fd, 'more'), 'write');
  done($fd->sync, 'fsync');
  done(close($fd), 'close');
  holds('minemore');
  done(truncate($name, 2), 'truncate');
  holds('mi');
  done(close(opened(O_RDWR | O_TRUNC, 'O_TRUNC')), 'close');
  # As a shell's redirection has it.
  done(syswrite(opened(O_WRONLY | O_CREAT, 'O_CREAT'), 'mine'), 'write');
  done(chmod(0640, $name), 'chmod');
  done(utime(1, 2, $name), 'utime');
}
`;

function well(m: Mounted, files = FILES): string {
  const done = run('perl', ['-e', WELL, ...files], { cwd: m.mnt, timeout: SOON });
  return done.signal ?? `${done.status} ${done.stderr}`;
}

/** What waits for the lower layer, and what was there when it is well again. Each has a directory of its own, on the upper layer alone. */
const WAITS: Record<string, string> = {
  create: ': >new',
  mkdir: 'mkdir new',
  rename: 'mv other moved',
  remove: 'rm other',
  list: 'ls',
};

const inside = (kind: 'own' | 'both') => Object.keys(WAITS).map((act) => `${kind}/${act}`);

function prepare({ upper, lower: [lower] }: { upper: string; lower: string[] }): void {
  for (const dir of ['own', 'both', 'both/own', ...inside('own'), ...inside('both')])
    mkdirSync(`${upper}/${dir}`);
  for (const file of FILES) writeFileSync(`${upper}/${file}`, 'mine');
  for (const dir of ['both', 'below', ...inside('both')]) mkdirSync(`${lower}/${dir}`);
  for (const dir of [...inside('own'), ...inside('both')])
    for (const name of ['file', 'other']) writeFileSync(`${upper}/${dir}/${name}`, 'mine');
  for (let i = 0; i < PROCESSES; i++) {
    for (const dir of ['below', 'both']) writeFileSync(`${lower}/${dir}/${i}`, 'x');
    mkdirSync(`${upper}/own/${i}`);
  }
}

const SHARED: MountTestOptions = {
  root: true,
  sick: 'lower',
  needs: ['perl'],
  prepare,
  options: 'cache=shared',
};

/** When nothing is believed any more the lower layer falls ill. */
async function fallIll(t: Test, m: Mounted): Promise<void> {
  t.equal(well(m), '0 ', 'while all is well');
  await sleep(BELIEVED_MS);
  await m.sick.hang();
}

await mountTest(t, 'files of the new storage are served without the old one', SHARED, async (t, m) => {
  await fallIll(t, m);
  for (let round = 0; round < 2; round++) {
    t.equal(well(m), '0 ', 'while it hangs');
    await sleep(BELIEVED_MS);
  }
  t.same(await m.sick.hanging(), [], 'it was asked for nothing');
  await m.sick.release();
});

for (const kind of ['own', 'both'] as const)
  await mountTest(t, `what needs the answer of an old storage that hangs: ${kind}`, SHARED, async (t, m) => {
    const files = inside(kind).map((dir) => `${dir}/file`);
    t.equal(well(m, files), '0 ');
    await fallIll(t, m);
    const hung = Object.entries(WAITS).map(
      ([act, script]) => new Hung('bash', '-c', `cd "$1" && ${script}`, 'bash', `${m.mnt}/${kind}/${act}`),
    );
    await m.sick.hangs(hung.length);
    t.equal(well(m, [...FILES, ...files]), '0 ', 'files beside it do not');
    t.ok(hung.every(({ isRunning }) => isRunning));
    t.same(
      inside(kind)
        .flatMap((dir) => readdirSync(`${m.upper}/${dir}`))
        .filter((name) => /new|moved/.test(name)),
      [],
      'nothing is done before it has answered',
    );
    await m.sick.release();
    t.same(
      await Promise.all(hung.map(({ ended }) => ended)),
      hung.map(() => '0'),
    );
    t.same(
      inside(kind).map((dir) => readdirSync(`${m.mnt}/${dir}`).sort().join()),
      ['file,new,other', 'file,new,other', 'file,moved', 'file', 'file,other'],
    );
  });

const ACTS: [string, (i: number) => [string, ...string[]]][] = [
  ['stat', (i) => ['stat', `below/${i}`]],
  ['cat', (i) => ['cat', `both/${i}`]],
  ['open for writing', (i) => ['bash', '-c', 'echo x >>"$1"', 'bash', `below/${i}`]],
  ['list a directory of its own', () => ['ls', 'below']],
  ['list one of both', () => ['ls', 'both']],
  ['list one of the new storage', (i) => ['ls', `own/${i}`]],
  ['create in one of the new storage', (i) => ['bash', '-c', ': >"$1"', 'bash', `own/${i}/new`]],
];

const FOUR = { ...SHARED, options: 'cache=shared,threads=4', debug: true, timeout: 300_000 };
const parked = (m: Mounted) => (m.log().match(/event=parked /g) ?? []).length;

await mountTest(t, `${PROCESSES} processes hang with four workers`, FOUR, async (t, m) => {
  for (const [name, command] of ACTS) {
    // What the kernel knows it asks for once for each of them.
    for (const dir of ['below', 'both'])
      for (let i = 0; i < PROCESSES; i++) readFileSync(`${m.mnt}/${dir}/${i}`);
    await fallIll(t, m);
    const before = parked(m);
    const hung = Array.from(
      { length: PROCESSES },
      (_, i) => new Hung('bash', '-c', 'cd "$1" && shift && exec "$@"', 'bash', m.mnt, ...command(i)),
    );
    // At most three are at work in there, whichever way they wait.
    await until('the others are put aside', () => parked(m) - before >= PROCESSES - 3, 30_000);
    for (let round = 0; round < 2; round++) t.equal(well(m), '0 ', `${name}: users of the new storage go on`);
    t.ok((await m.sick.hanging()).length <= 3, 'a worker is left');
    t.ok(
      hung.every(({ isRunning }) => isRunning),
      name,
    );
    await m.sick.release();
    t.same(
      await Promise.all(hung.map(({ ended }) => ended)),
      hung.map(() => '0'),
      'and all others when it is well',
    );
  }
  for (let i = 0; i < PROCESSES; i++) t.ok(existsSync(`${m.upper}/own/${i}/new`));
});
