// The journal on real files: what stays whole, what is put away, what is refused, and what is told when it fails.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  closeSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { WORD } from '../../src/journal/setup.ts';
import { JournalSync } from '../../src/journal/sync.ts';
import { endTurnOf } from '../../src/journal/turn.ts';
import { AT_FDCWD, S_IFIFO } from '../../src/sys/constants.ts';
import { cstring } from '../../src/sys/cstring.ts';
import { close } from '../../src/sys/fd.ts';
import { mknodat } from '../../src/sys/path.ts';
import { closedOnExec } from '../log/helpers.ts';
import { TYPESCRIPT } from '../typescript/arguments.ts';
import { filesIn, linesOf, makeJournal, pathsIn, record, type TestJournal } from './helpers.ts';

const paths = (count: number, prefix = '/') => Array.from({ length: count }, (_, i) => `${prefix}${i}`);

/** What the main thread does once a second. */
function closeRetired({ words }: TestJournal): void {
  const fd = words[WORD.retired] as number;
  if (fd >= 0) close(fd);
  words[WORD.retired] = -1;
}

t.test('one file, ours alone, closed on exec', async (t) => {
  const j = makeJournal(t.testdir());
  j.journal.tryOut();
  for (const path of paths(3)) j.journal.append(record(path));
  t.same(pathsIn(j.folder), paths(3));
  t.equal(lstatSync(j.file).mode & 0o7777, 0o600);
  t.ok(closedOnExec(j.words[WORD.fd] as number));
  t.same(j.told(), []);
});

t.test('several threads write whole records', async (t) => {
  const dir = t.testdir();
  const j = makeJournal(dir, { checkMs: 1000 });
  j.journal.tryOut();
  const url = new URL('./journal-thread.ts', import.meta.url);
  const { words } = j.setup;
  const threads = [1, 2].map((thread) => new Worker(url, { workerData: { dir, words, thread } }));
  await Promise.all(threads.map((thread) => once(thread, 'exit')));
  t.same(pathsIn(j.folder).sort(), [1, 2].flatMap((thread) => paths(500, `/${thread}/`)).sort());
});

t.test('a large file is put away, and the oldest go', async (t) => {
  const j = makeJournal(t.testdir(), { limit: 1000, keep: 3 });
  for (const path of paths(60)) {
    j.journal.append(record(path));
    closeRetired(j);
  }
  const names = filesIn(j.folder);
  t.equal(names.length, 4, names.join());
  t.equal(names.at(-1), 'node.ndjson');
  t.match(names[0], /^node\.ndjson\.0000\d\d$/);
  const kept = pathsIn(j.folder);
  t.same(kept, paths(60).slice(-kept.length), 'the newest, in their order');
  t.ok(lstatSync(`${j.folder}/${names[0]}`).size < 1500);
  t.same(j.told(), []);
});

t.test('a file waits to be put away until the last one has been synced', async (t) => {
  const j = makeJournal(t.testdir(), { limit: 1000 });
  for (const path of paths(60)) j.journal.append(record(path));
  t.equal(filesIn(j.folder).length, 2);
  const sync = new JournalSync(j.setup, j.log, j.folder);
  const retired = j.words[WORD.retired] as number;
  t.ok(retired >= 0);
  await sync.end();
  t.same([j.words[WORD.retired], j.words[WORD.fd]], [-1, -1]);
  t.throws(() => closedOnExec(retired), 'closed');
  t.same(pathsIn(j.folder), paths(60));
  t.same(j.told(), []);
});

t.test('two mounts of a host lose nothing by putting files away', async (t) => {
  const dir = t.testdir();
  const mounts = [makeJournal(dir, { limit: 2000, keep: 100 }), makeJournal(dir, { limit: 2000, keep: 100 })];
  const wanted = paths(300);
  for (const [i, path] of wanted.entries()) {
    const mount = mounts[(i >> 2) % 2] as TestJournal;
    mount.journal.append(record(path));
    if (i % 3 === 0) closeRetired(mount);
  }
  const [first] = mounts as [TestJournal];
  t.same(pathsIn(first.folder), wanted);
  t.ok(filesIn(first.folder).length > 10);
});

t.test('a file that somebody moves or removes is followed by a new one', async (t) => {
  const j = makeJournal(t.testdir());
  j.journal.append(record('/1'));
  renameSync(j.file, `${j.folder}/moved`);
  j.journal.append(record('/2'));
  closeRetired(j);
  rmSync(j.file);
  j.journal.append(record('/3'));
  t.same(pathsIn(j.folder).sort(), ['/1', '/3'], 'what was removed is not written to');
});

t.test('a file that nothing is written to is not kept open', async (t) => {
  const j = makeJournal(t.testdir(), { checkMs: 3_600_000 });
  const sync = new JournalSync(j.setup, j.log, j.folder);
  j.journal.tryOut();
  t.equal(j.words[WORD.fd], -1);
  j.journal.append(record('/1'));
  t.ok((j.words[WORD.fd] as number) >= 0);
  for (const end = Date.now() + 20_000; j.words[WORD.fd] !== -1 && Date.now() < end; ) await sleep(20);
  t.equal(j.words[WORD.fd], -1, 'closed within seconds');
  t.equal(j.words[WORD.dirty], 0, 'and synced before');
  j.journal.append(record('/2'));
  await sync.end();
  t.same(pathsIn(j.folder), ['/1', '/2']);
});

t.test("what somebody else's mount has left unfinished does not swallow the next record", async (t) => {
  const j = makeJournal(t.testdir(), { checkMs: 1000 });
  j.journal.append(record('/1'));
  appendFileSync(j.file, '{"time":"2026-');
  j.journal.append(record('/2'));
  j.journal.append(record('/3'));
  const lines = linesOf(j.file);
  t.equal(lines[1], '{"time":"2026-');
  t.same(
    [0, 2, 3].map((i) => JSON.parse(lines[i] as string).path),
    ['/1', '/2', '/3'],
  );
});

t.test('a full disk: told once, counted, and told when it is over', async (t) => {
  const dir = t.testdir();
  const script = new URL('./full-disk.ts', import.meta.url).pathname;
  execFileSync(process.execPath, [...TYPESCRIPT, script, dir], { timeout: 60_000 });
  const lines = linesOf(`${dir}/journal/node.ndjson`);
  const whole = lines.filter((line) => line.endsWith('}')).map((line) => JSON.parse(line).path);
  t.equal(whole.length, lines.length - 1, 'one was cut short');
  t.same(whole.slice(-2), ['/works/0', '/works/1']);
  const lost = 20 - (whole.length - 2);
  const told = readFileSync(`${dir}/log`, 'utf8').trimEnd().split('\n');
  t.equal(told.length, 2, told.join('\n'));
  t.match(
    told[0],
    /level=error event=journal_failed path=\S+\/node\.ndjson error=(ENOSPC|EFBIG) consequence=".*" mend=".*"/,
  );
  t.match(told[1], new RegExp(`level=warn event=journal_works path=\\S+ lost=${lost}$`));
});

const intruders: [string, string, (file: string) => void][] = [
  ['a directory', 'EISDIR', (file) => mkdirSync(file)],
  ['a symlink', 'ELOOP', (file) => symlinkSync('elsewhere', file)],
  ['a file that others may read', 'EPERM', (file) => closeSync(openSync(file, 'w', 0o644))],
  ['a named pipe', 'EPERM', (file) => mknodat(AT_FDCWD, cstring(file), S_IFIFO | 0o600, 0)],
  [
    'a file with two names',
    'EMLINK',
    (file) => {
      writeFileSync(`${file}-other`, 'x', { mode: 0o600 });
      linkSync(`${file}-other`, file);
    },
  ],
];
for (const [what, errno, make] of intruders) {
  t.test(`${what} in its place is not written to`, async (t) => {
    const j = makeJournal(t.testdir());
    make(j.file);
    const before = lstatSync(j.file);
    j.journal.tryOut();
    for (const path of paths(3)) j.journal.append(record(path));
    const after = lstatSync(j.file);
    t.same([after.size, after.mtimeMs, after.ino], [before.size, before.mtimeMs, before.ino]);
    t.match(j.told(), [new RegExp(`^level=error event=journal_failed .*error=${errno} .*move it away"$`)]);
    renameSync(j.file, `${j.folder}-away`);
    j.journal.append(record('/works'));
    t.equal(JSON.parse(linesOf(j.file)[0] as string).path, '/works');
    t.match(j.told()[1], /event=journal_works .*lost=3$/);
  });
}

t.test('a journal that hangs is waited for once', async (t) => {
  const j = makeJournal(t.testdir(), { patienceMs: 300 });
  j.journal.append(record('/1'));
  const stalled = 9999;
  j.words[WORD.turn] = (stalled + 1) << 1;
  const begun = performance.now();
  j.journal.append(record('/2'));
  const first = performance.now() - begun;
  t.ok(first >= 295, `${first} ms`);
  for (const path of paths(1000)) j.journal.append(record(path));
  const rest = performance.now() - begun - first;
  t.ok(rest < 300 * 300, `${rest} ms for a thousand: nobody waits any more`);
  t.match(j.told(), [/event=journal_failed .*error=ETIMEDOUT/]);
  endTurnOf(j.words, 4);
  j.journal.append(record('/3'));
  t.same(pathsIn(j.folder), ['/1'], "another thread's turn is not taken away");
  endTurnOf(j.words, stalled);
  j.journal.append(record('/4'));
  t.same(pathsIn(j.folder), ['/1', '/4']);
  t.match(j.told()[1], /event=journal_works .*lost=1002$/);
});

t.test('without a directory there is no journal, with one there is', async (t) => {
  const j = makeJournal(t.testdir());
  rmSync(j.folder, { recursive: true });
  j.journal.tryOut();
  j.journal.append(record('/1'));
  t.match(j.told(), [/event=journal_failed .*error=ENOENT/]);
  mkdirSync(j.folder);
  j.journal.append(record('/2'));
  t.same(pathsIn(j.folder), ['/2']);
});
