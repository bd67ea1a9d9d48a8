// The log on a full disk while the mount is used: users' work goes on, and when there is room again the log says how many lines it lacks, and of what.
// A log file that cannot be opened anew is told in the old one.

import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import t from 'tap';
import { recordsOf } from './journal-support.ts';
import { mountTest, must, run, until, whereIs } from './support.ts';

const FILES = Array.from({ length: 40 }, (_, i) => `f${i}`);
const LATER = ['g0', 'g1', 'g2'];

const prepare = ({ upper, lower: [lower] }: { upper: string; lower: string[] }) => {
  for (const name of [...FILES, ...LATER]) writeFileSync(`${lower}/${name}`, 'old\n');
  const disk = `${upper}/../disk`;
  mkdirSync(disk);
  appendFileSync(`${upper}/../mounts`, `${disk}\n`);
  must('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]);
};

const linesOf = (path: string) => readFileSync(path, 'utf8').trimEnd().split('\n');

const migratedIn = (lines: string[]) =>
  lines.flatMap((line) => / event=migrated path=\/(\S+) .* source=removed$/.exec(line)?.[1] ?? []);

await mountTest(t, 'a log on a full disk', { root: true, prepare }, async (t, m) => {
  const disk = `${m.dir}/disk`;
  const log = `${disk}/log`;
  t.teardown(() => void run('umount', ['-l', disk])); // its daemon may still be there
  await m.remount(`log-file=${log}`);
  const work = (names: string[]) => {
    for (const name of names) appendFileSync(`${m.mnt}/${name}`, 'more\n');
    for (const name of names) {
      t.equal(whereIs(m, name), 'upper', name);
      t.equal(readFileSync(`${m.mnt}/${name}`, 'utf8'), 'old\nmore\n');
    }
  };
  work(FILES.slice(0, 1));
  t.same(migratedIn(linesOf(log)), FILES.slice(0, 1));
  run('sh', ['-c', `cat /dev/zero >"${disk}/filler"`]);
  work(FILES.slice(1));
  const written = migratedIn(linesOf(log)).length;
  t.ok(written < FILES.length, `there was room for ${written} lines`);
  t.equal(recordsOf(m).length, FILES.length, 'the journal has them all');
  rmSync(`${disk}/filler`);
  work(LATER);
  const lines = linesOf(log);
  const told = lines.flatMap(
    (line) => / level=warn event=log_lines_dropped lines=(\d+) reason=(?:ENOSPC|EIO)$/.exec(line)?.[1] ?? [],
  );
  t.equal(
    told.reduce((sum, count) => sum + Number(count), 0),
    FILES.length - written,
    'every line that is missing is counted',
  );
  t.same(migratedIn(lines).slice(written), LATER);
  t.notOk(
    lines.some((line) => !line.startsWith('time=') || / time=/.test(line)),
    'no line has become the tail of another',
  );
});

await mountTest(t, 'a log that cannot be opened anew', { root: true, prepare }, async (t, m) => {
  const disk = `${m.dir}/disk`;
  t.teardown(() => void run('umount', ['-l', disk])); // its daemon may still be there
  const [folder, away] = [`${disk}/folder`, `${disk}/away`];
  mkdirSync(folder);
  await m.remount(`log-file=${folder}/log`);
  renameSync(folder, away);
  const events = () => linesOf(`${away}/log`).flatMap((line) => / event=(\S+)/.exec(line)?.[1] ?? []);
  m.signal('SIGUSR2');
  await until('told', () => events().includes('log_not_reopened'));
  t.match(readFileSync(`${away}/log`, 'utf8'), / level=warn event=log_not_reopened error=ENOENT\n/);
  appendFileSync(`${m.mnt}/g0`, 'more\n');
  t.same(events(), ['mounted', 'log_not_reopened', 'migrated'], 'lines go on into the old file');
  mkdirSync(folder);
  m.signal('SIGUSR2');
  await until('a new file', () => existsSync(`${folder}/log`) && statSync(`${folder}/log`).size > 0);
  appendFileSync(`${m.mnt}/g1`, 'more\n');
  t.match(
    linesOf(`${folder}/log`).map((line) => / event=(\S+)/.exec(line)?.[1]),
    ['log_reopened', 'migrated'],
  );
  t.same(events(), ['mounted', 'log_not_reopened', 'migrated']);
});
