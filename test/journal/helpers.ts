// What the journal's tests share: a journal in a directory of the test's, its records, and what it has told the log.
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { Journal } from '../../src/journal/journal.ts';
import type { JournalRecord } from '../../src/journal/line.ts';
import { type JournalSetup, journalSetup } from '../../src/journal/setup.ts';
import { Log } from '../../src/log/log.ts';
import { openLogTarget } from '../../src/log/target.ts';
import { O_CLOEXEC, O_DIRECTORY, O_PATH, S_IFREG } from '../../src/sys/constants.ts';
import { cstring } from '../../src/sys/cstring.ts';
import { close, open } from '../../src/sys/fd.ts';

export interface TestJournal {
  readonly folder: string;
  readonly file: string;
  readonly setup: JournalSetup;
  readonly words: Int32Array;
  readonly journal: Journal;
  readonly log: Log;
  /** What the log has, without the times. */
  readonly told: () => string[];
}

/** One mount's journal in `DIR/journal`. It looks at its file before each record unless `more` says otherwise. */
export function makeJournal(dir: string, more: Partial<JournalSetup> = {}): TestJournal {
  const folder = `${dir}/journal`;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const base = journalSetup({ host: 'node', path: folder, limit: 1 << 20 });
  const setup = { ...base, checkMs: 0, ...more };
  const target = openLogTarget({ logFile: `${dir}/log`, foreground: true });
  if (target.kind === 'failed') throw new Error(target.message);
  const log = new Log(target);
  const journal = new Journal(setup, log, (work) => {
    const fd = open(cstring(folder), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return fd;
    const result = work(fd);
    close(fd);
    return result;
  });
  const told = () => linesOf(`${dir}/log`).map((line) => line.replace(/^time=\S+ /, ''));
  const words = new Int32Array(setup.words);
  return { folder, file: `${folder}/node.ndjson`, setup, words, journal, log, told };
}

export const record = (name: string | Uint8Array, more: Partial<JournalRecord> = {}): JournalRecord => ({
  op: 'delete',
  uid: 1000,
  path: typeof name === 'string' ? Buffer.from(name) : name,
  object: { type: S_IFREG, size: 71, inode: 2173013, layer: '/old/home' },
  milliseconds: 0.25,
  error: 0,
  ...more,
});

export const linesOf = (file: string): string[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '');

/** The journal's files, the oldest first. */
export const filesIn = (folder: string): string[] => {
  const names = readdirSync(folder).sort();
  return [...names.slice(1), ...names.slice(0, 1)];
};

/** The paths of all records, the oldest file first. @throws when a line is none */
export const pathsIn = (folder: string): string[] =>
  filesIn(folder)
    .flatMap((name) => linesOf(`${folder}/${name}`))
    .map((line) => JSON.parse(line).path);

/** A record's path as the bytes that it stands for. */
export const decode = (path: string): Buffer =>
  Buffer.from(
    path.replace(/%([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );
