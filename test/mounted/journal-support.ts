// What the tests of a mount's journal share: its files and records, and what the log has told of it.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { Mounted } from './support.ts';

export interface Json {
  [key: string]: unknown;
  op: string;
  path: string;
}

export const folderOf = (m: Mounted) => `${m.upper}/.migratefs/journal`;

export const filesOf = (m: Mounted): string[] =>
  existsSync(folderOf(m))
    ? readdirSync(folderOf(m))
        .sort()
        .map((name) => `${folderOf(m)}/${name}`)
    : [];

/** All records there are; every line must be one. */
export const recordsOf = (m: Mounted): Json[] =>
  filesOf(m)
    .flatMap((file) => readFileSync(file, 'latin1').split('\n'))
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

/** What `act` adds to the journal. */
export function added(m: Mounted, act: () => void): Json[] {
  const before = recordsOf(m).length;
  act();
  return recordsOf(m).slice(before);
}

export const eventsOf = (m: Mounted): string[] =>
  [...m.log().matchAll(/event=(journal_\w+)/g)].map(([, e]) => e as string);
