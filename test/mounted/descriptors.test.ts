// A daemon with few descriptors: the directories that nobody uses give theirs up, so trees far larger than the limit are gone through by
// several programs at once, and one that opens too many files is told so, while others go on.

import { spawn } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import t, { type Test } from 'tap';
import { O_CLOEXEC, O_PATH } from '../../src/sys/constants.ts';
import {
  cleanEnv,
  isRoot,
  type Mounted,
  type MountTestOptions,
  mountTest,
  must,
  outcome,
  run,
  sh,
  until,
} from './support.ts';

const LIMIT = 256;
const few: MountTestOptions = { descriptors: LIMIT, ...(isRoot && { backing: 'tmpfs' }) };

/** 2,000 directories, a third of them on both layers, with a file in each. */
function prepare({ upper, lower: [lower = ''] }: { upper: string; lower: string[] }): void {
  for (const [layer, from, to] of [
    [upper, 667, 1999],
    [lower, 0, 1333],
  ] as const) {
    for (let i = from; i <= to; i++) {
      mkdirSync(`${layer}/d/s${i}`, { recursive: true });
      writeFileSync(`${layer}/d/s${i}/f`, 'old');
    }
  }
  for (const layer of ['upper', 'lower']) {
    mkdirSync(`${layer === 'upper' ? upper : lower}/e/${layer}`, { recursive: true });
    writeFileSync(`${layer === 'upper' ? upper : lower}/e/${layer}/f`, 'old');
  }
  writeFileSync(`${lower}/one`, 'one');
  mkdirSync(`${lower}/files`);
  for (let i = 0; i < LIMIT; i++) writeFileSync(`${lower}/files/${i}`, `${i}`);
}

/** No descriptor of the daemon's goes on in a program that it starts. @returns what they are of */
function notLeft(t: Test, m: Mounted): string[] {
  const fds = readdirSync(`/proc/${m.daemonPid}/fdinfo`).filter((name) => Number(name) > 2);
  return fds.flatMap((fd) => {
    let file = '';
    const seen = outcome(() => {
      const info = readFileSync(`/proc/${m.daemonPid}/fdinfo/${fd}`, 'latin1');
      file = readlinkSync(`/proc/${m.daemonPid}/fd/${fd}`);
      const [, flags = ''] = /^flags:\s*(\d+)$/m.exec(info) ?? [];
      // A pipe is the one by which the guard of this test learns of its end.
      return (Number.parseInt(flags, 8) & O_CLOEXEC) !== 0 || file.startsWith('pipe:') ? 'ok' : file;
    });
    if (seen === 'ENOENT') return [];
    t.equal(seen, 'ok', `descriptor ${fd} is not left to programs`);
    return [file];
  });
}

const descriptors = (m: Mounted) => readdirSync(`/proc/${m.daemonPid}/fd`).length;

/** Goes through the directories and does something in each; says what failed. */
const EACH = `
for (my $i = 0; $i < 2000; $i += $ARGV[1]) {
  my $d = "d/s$i";
  if ($ARGV[0] eq 'list') { opendir D, $d or die "$d: $!"; my $n = grep /^f$/, readdir D; $n == 1 or die "$d: $n" }
  elsif ($ARGV[0] eq 'make') { open F, '>', "$d/new" or die "$d: $!"; print F $i; close F or die }
  elsif ($ARGV[0] eq 'mkdir') { mkdir "$d/sub" or die "$d: $!"; rmdir "$d/sub" or die "$d: $!" }
  elsif ($ARGV[0] eq 'append') { open F, '>>', "$d/f" or die "$d: $!"; print F 'new'; close F or die }
  else { -d $d && -s "$d/f" or die "$d: $!" }
}`;
const each = (m: Mounted, what: string, step = 1) =>
  must('perl', ['-e', EACH, what, `${step}`], { cwd: m.mnt });

for (const threads of [1, 8]) {
  await mountTest(
    t,
    `2,000 directories on both layers with ${LIMIT} descriptors, ${threads} at once`,
    { ...few, options: `threads=${threads}`, needs: ['perl', 'prlimit'], prepare },
    async (t, m) => {
      t.match(readFileSync(`/proc/${m.daemonPid}/limits`, 'latin1'), /Max open files +256 +256 /);
      t.equal(
        sh('find d | wc -l; stat -c %F d/s* | sort | uniq -c', { cwd: m.mnt }),
        '4001\n   2000 directory',
      );
      for (const what of ['stat', 'list', 'make']) each(m, what);
      for (const what of ['mkdir', 'append']) each(m, what, 10);
      t.equal(
        sh(
          'find d >../1 & a=$!; find d -type f -newermt 2000-01-01 >../2 & b=$!; ls -lR d >../3; wait $a; wait $b; cat ../1 ../2 | wc -l',
          { cwd: m.mnt },
        ),
        '10001',
        'three programs at once',
      );
      t.equal(sh('cat d/s*/f | wc -c; cat d/s*/new | wc -c', { cwd: m.upper }), '4800\n6890');
      notLeft(t, m);
      await until('descriptors are within the budget again', () => descriptors(m) < LIMIT * 0.75);

      sh('rm -rf d', { cwd: m.mnt });
      for (const layer of [m.mnt, m.upper, ...m.lower])
        t.notOk(readdirSync(layer).includes('d'), 'all is gone');
      t.notMatch(m.log(), /level=error/);
    },
  );
}

await mountTest(
  t,
  'who opens more files than there are descriptors is refused one more; others go on, and so does he',
  { ...few, options: 'threads=4', needs: ['perl', 'prlimit'], prepare },
  (t, m) => {
    each(m, 'stat');
    const opened: number[] = [];
    t.teardown(() => opened.forEach(closeSync));
    const open = () => outcome(() => void opened.push(openSync(`${m.mnt}/files/${opened.length}`, 'r')));
    let refused = open();
    while (refused === 'ok') refused = open();
    t.equal(refused, 'EMFILE');
    t.ok(opened.length >= 48, `${opened.length} files`);
    for (const what of ['list', 'mkdir']) each(m, what, 3);
    const found = run('find', ['d'], { cwd: m.mnt });
    t.equal(`${found.stderr}`, '', `directories are served meanwhile: ${m.log().trim().split('\n').at(-1)}`);
    t.equal(`${found.stdout}`.trim().split('\n').length, 4001);
    const making = run('touch', ['d/s1/none'], { cwd: m.mnt });
    t.match(making.stderr.toString(), /Too many open files/, 'no file can be opened by anybody');
    t.notOk(readdirSync(`${m.mnt}/d/s1`).includes('none'), 'nor is one made');
    t.ok(
      opened.every((fd, i) => readFileSync(fd, 'latin1') === `${i}`),
      'what is open is read',
    );
    for (const fd of opened.splice(0, 2)) closeSync(fd);
    sh('echo >>one; touch d/s1/one', { cwd: m.mnt });
    for (const fd of opened.splice(0)) closeSync(fd);
    each(m, 'append', 10);
    t.match(m.log(), /level=warn event=no_descriptor files=6[4-9] directories=\d+\n/);
    t.notMatch(m.log(), /level=error/);
  },
);

await mountTest(
  t,
  'directories that a process holds by descriptors alone do not keep others from being opened, and are found when he comes back',
  { ...few, options: 'threads=4', needs: ['perl', 'prlimit'], prepare },
  (t, m) => {
    const held: number[] = [];
    t.teardown(() => held.forEach(closeSync));
    // Neither open for the daemon, nor a working directory, and no name that is taken from the kernel makes it forget them.
    for (let i = 0; i < 300; i++) held.push(openSync(`${m.mnt}/d/s${600 + i}`, O_PATH));
    const [upperOnly, lowerOnly] = ['upper', 'lower'].map((name) => openSync(`${m.mnt}/e/${name}`, O_PATH));
    held.push(upperOnly as number, lowerOnly as number);
    for (const what of ['list', 'make']) each(m, what);
    each(m, 'mkdir', 10);
    t.equal(sh('find d | wc -l', { cwd: m.mnt }), '6001');
    t.notMatch(m.log(), /event=no_descriptor/);

    renameSync(`${m.mnt}/d/s601`, `${m.mnt}/d/moved`);
    rmSync(`${m.mnt}/d/s602`, { recursive: true });
    mkdirSync(`${m.mnt}/d/s602`);
    writeFileSync(`${m.mnt}/d/s602/f`, 'another');
    each(m, 'list', 3);
    const seen = held.map((fd) => outcome(() => readFileSync(`/proc/self/fd/${fd}/f`, 'latin1')));
    t.equal(seen[2], 'ENOENT', 'it is not the directory that has its name now');
    t.same(new Set(seen.filter((_, i) => i !== 2 && i < 300)), new Set(['old']));
    writeFileSync(`/proc/self/fd/${held[1]}/more`, '1');
    t.ok(readdirSync(`${m.mnt}/d/moved`).includes('more'));

    // On the storages, as another host's daemon does it: directories lose their names to others that have a side on another layer.
    const {
      upper,
      lower: [lower = ''],
    } = m;
    renameSync(`${lower}/e/lower`, `${lower}/e/away`);
    mkdirSync(`${upper}/e/lower`);
    renameSync(`${upper}/e/upper`, `${upper}/e/away`);
    mkdirSync(`${lower}/e/upper`);
    each(m, 'list', 3);
    for (const [fd, other] of [
      [lowerOnly, `${upper}/e/lower`],
      [upperOnly, `${lower}/e/upper`],
    ] as const) {
      writeFileSync(`${other}/f`, 'another');
      const at = `/proc/self/fd/${fd}`;
      for (const act of [
        () => unlinkSync(`${at}/f`),
        () => writeFileSync(`${at}/new`, ''),
        () => mkdirSync(`${at}/sub`),
      ])
        t.match(
          outcome(act),
          /^(?:ESTALE|ENOENT)$/,
          'nothing is done in a directory that has taken the name',
        );
      t.equal(readFileSync(`${other}/f`, 'latin1').length > 0, true);
      t.same(
        readdirSync(other).filter((name) => ['new', 'sub'].includes(name)),
        [],
      );
    }
    t.notMatch(m.log(), /level=error/);
  },
);

await mountTest(
  t,
  'in the middle of a copy-up too none is left to programs',
  {
    faults: true,
    options: 'metadata=copyup',
    needs: ['touch'],
    prepare: ({ lower: [lower = ''] }) => {
      writeFileSync(`${lower}/one`, 'one');
      symlinkSync('where it leads', `${lower}/link`);
    },
  },
  async (t, m) => {
    // A source, and a copy without a name; and one that has a name of its own.
    for (const [script, source, copy] of [
      ['echo >>one', `${m.lower[0]}/one`, `${m.upper}/#`],
      ['touch -h link', `${m.lower[0]}/link`, `${m.upper}/.migratefs/work/`],
    ] as const) {
      const stopped = m.faults.pause('copyup.data');
      const user = spawn('sh', ['-c', script], { cwd: m.mnt, stdio: 'ignore', env: cleanEnv() });
      const ended = new Promise((done) => user.once('close', done));
      const there = await stopped();
      const files = notLeft(t, m);
      t.ok(files.includes(source), 'the source');
      t.ok(
        files.some((file) => file.startsWith(copy)),
        'the copy',
      );
      there.go();
      t.equal(await ended, 0);
    }
  },
);
