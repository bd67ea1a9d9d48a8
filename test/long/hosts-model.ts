// What processes of the exerciser of hosts (hosts-exerciser.c) have written down, and whether a tree can be what is left after it.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { xattrsOf } from '../mounted/support.ts';

/** What all processes together were answered. */
export class Answers {
  /** Shared files by id, with the records that were acknowledged. */
  readonly files = new Map<string, Set<string>>();
  /** Those that may be there. */
  readonly unsureFiles = new Set<string>();
  readonly unsureRecords = new Set<string>();
  /** Acknowledged removals; renames that may have replaced something; removals and renames of which nobody knows. */
  removed = 0;
  replaced = 0;
  unsure = 0;
  /** What is to be there of processes' own, and names that may be there. */
  readonly own = new Map<string, Own>();
  readonly unsureNames = new Set<string>();

  /** @param output what one process has written */
  add(output: string): void {
    for (const line of output.split('\n')) {
      const [kind, first = '', ...rest] = line.split(' ');
      if (kind === 'C') this.#file(first);
      else if (kind === 'A') this.#file(first).add(rest[0] as string);
      else if (kind === 'U') this.removed++;
      else if (kind === 'O') this.replaced++;
      else if (kind === 'c') this.unsureFiles.add(first);
      else if (kind === 'a') this.unsureRecords.add(rest[0] as string);
      else if (kind === 'u' || kind === 'o') this.unsure++;
      else if (kind === '?') this.unsureNames.add(first);
      else if (kind === 'D') this.own.set(first, 'directory');
      else if (kind === 'N') {
        const [mode = '', links = '', value = '', content = ''] = rest;
        this.own.set(first, {
          mode,
          links: Number(links),
          value: value === '-' ? undefined : value,
          content,
        });
      }
    }
  }

  #file(id: string): Set<string> {
    const records = this.files.get(id) ?? new Set();
    this.files.set(id, records);
    return records;
  }
}

export type Own = 'directory' | { mode: string; links: number; value: string | undefined; content: string };

/**
 * What is wrong with processes' own names in a tree.
 * @param killed whether a host has died, over a name of a file that may count once too often since (docs/semantics.md)
 */
export function faultsOfOwn(root: string, answers: Answers, killed = false): string[] {
  const wrong: string[] = [];
  for (const [name, own] of answers.own) {
    if (!existsSync(`${root}/${name}`)) {
      wrong.push(`${name} is not there`);
      continue;
    }
    if (own === 'directory') continue;
    const { mode, nlink } = statSync(`${root}/${name}`);
    const value = Buffer.from(xattrsOf(`${root}/${name}`)['user.x'] ?? '', 'hex').toString('latin1');
    if ((mode & 0o7777).toString(8) !== own.mode) wrong.push(`${name}: mode ${mode.toString(8)}`);
    if (value !== (own.value ?? '')) wrong.push(`${name}: attribute ${value}, not ${own.value}`);
    if (nlink !== own.links && !(killed && nlink === own.links + 1))
      wrong.push(`${name}: ${nlink} links, not ${own.links}`);
    if (readFileSync(`${root}/${name}`, 'latin1') !== own.content) wrong.push(`${name}: another content`);
  }
  return wrong;
}

/** Names of processes' own that nobody has made. @param died processes whose directories nobody knows all about */
export function strangers(root: string, answers: Answers, died: ReadonlySet<string>): string[] {
  return namesIn(root).filter((name) => {
    const id = /^d\d\/p([^-]+)-/.exec(name)?.[1];
    if (id === undefined || answers.own.has(name) || answers.unsureNames.has(name)) return false;
    return !(died.has(id) && name.includes('-dir'));
  });
}

/** What is wrong with the shared files. @param back how many removed ones the daemons have said to be there again or kept aside */
export function faultsOfShared(root: string, answers: Answers, back: number): string[] {
  const wrong: string[] = [];
  const found = new Set<string>();
  let empty = 0;
  for (const name of namesIn(root).filter((name) => /^d\d\/s\d+$/.test(name))) {
    const content = readFileSync(`${root}/${name}`, 'latin1');
    if (content === '') {
      empty++;
      continue;
    }
    const whole = /^F (\S+)\n((?:R \S+\n)*)$/.exec(content);
    const [, id = '', lines = ''] = whole ?? [];
    const acknowledged =
      answers.files.get(id) ?? (answers.unsureFiles.has(id) ? new Set<string>() : undefined);
    if (!whole || !acknowledged) {
      wrong.push(`${name} holds ${JSON.stringify(content.slice(0, 200))}`);
      continue;
    }
    if (found.has(id)) wrong.push(`${name}: file ${id} has two names`);
    found.add(id);
    const records = lines.split('\n').flatMap((line) => (line === '' ? [] : [line.slice(2)]));
    const seen = new Set(records);
    if (seen.size !== records.length) wrong.push(`${name}: a record is there twice`);
    for (const record of acknowledged) if (!seen.has(record)) wrong.push(`${name}: ${record} is lost`);
    for (const record of seen) {
      if (!acknowledged.has(record) && !answers.unsureRecords.has(record))
        wrong.push(`${name}: strange ${record}`);
    }
  }
  const gone = [...answers.files.keys()].filter((id) => !found.has(id)).length;
  const { removed, replaced, unsure } = answers;
  // An empty one was being made when its host died: what was written is not lost that was never acknowledged.
  if (empty > answers.unsureFiles.size) wrong.push(`${empty} shared files are empty`);
  if (gone > removed + replaced + unsure)
    wrong.push(`${gone} files are gone, ${removed}+${replaced}+${unsure} removed`);
  if (gone < removed - back - answers.unsureFiles.size)
    wrong.push(`${gone} files are gone, but ${removed} were removed, of which ${back} have come back`);
  return wrong;
}

const namesIn = (root: string): string[] => readdirSync(root, { recursive: true, encoding: 'utf8' }).sort();
