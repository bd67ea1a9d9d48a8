// A daemon with few descriptors: the directories that nobody uses give theirs up, so trees far larger than the limit are gone through by
// several programs at once, and one that opens too many files is told so, while others go on.

import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import {
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
  writeFileSync(`${lower}/one`, 'one');
  mkdirSync(`${lower}/files`);
  for (let i = 0; i < LIMIT; i++) writeFileSync(`${lower}/files/${i}`, `${i}`);
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
          'find d >../1 & find d -type f -newermt 2000-01-01 >../2 & ls -lR d >../3 & wait -n; wait -n; wait -n; cat ../1 ../2 | wc -l',
          { cwd: m.mnt },
        ),
        '10001',
        'three programs at once',
      );
      t.equal(sh('cat d/s*/f | wc -c; cat d/s*/new | wc -c', { cwd: m.upper }), '4800\n6890');
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
    t.equal(sh('find d | wc -l', { cwd: m.mnt }), '4001', 'directories are served meanwhile');
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
    t.notMatch(m.log(), /level=error/);
  },
);
