// The demo's two small storages, and what it says of them: where each name lies before and after.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export type Side = 'old' | 'new';

export interface Stage {
  readonly dir: string;
  readonly old: string;
  readonly new: string;
  /** The mount point. */
  readonly data: string;
  /** A named pipe that takes the daemon's log: it ends when the daemon does. */
  readonly log: string;
}

export function stageIn(dir: string): Stage {
  return {
    dir,
    old: join(dir, 'old'),
    new: join(dir, 'new'),
    data: join(dir, 'data'),
    log: join(dir, 'log'),
  };
}

interface Item {
  readonly path: string;
  readonly side: Side;
  readonly text: string;
  readonly mode?: number;
}

export const JOURNAL = 'Monday: the old storage is nearly full.\nTuesday: the new one has come.\n';
export const SETTINGS = 'theme = grey\nfont = small\n';
export const TOWER = 'Drawings of the tower.\n';
export const ANNA = 'Dear Anna, greetings from the old storage.\n';

// biome-ignore format: a table
const ITEMS: readonly Item[] = [
  { path: 'journal.txt', side: 'old', text: JOURNAL, mode: 0o640 },
  { path: 'letters/anna.txt', side: 'old', text: ANNA },
  { path: 'projects/bridge.txt', side: 'old', text: 'Drawings of the bridge.\n' },
  { path: 'projects/harbour.txt', side: 'new', text: 'Drawings of the harbour, begun on the new storage.\n' },
  { path: 'projects/tower.txt', side: 'old', text: TOWER },
  { path: 'scrap.tmp', side: 'old', text: 'Nobody needs this.\n' },
  { path: 'settings.conf', side: 'old', text: SETTINGS, mode: 0o600 },
];

/** A directory that only the old storage has, and its mode, which its new side must have too. */
export const LETTERS_MODE = 0o750;

export const BEFORE: Readonly<Record<string, Side>> = Object.fromEntries(
  ITEMS.map(({ path, side }) => [path, side]),
);

/** What the steps make of it, and how the table says so. */
// biome-ignore format: a table
export const AFTER: Readonly<Record<string, { side: Side; note: string }>> = {
  'journal.txt': { side: 'new', note: 'appended to: moved, whole' },
  'letters/anna.txt': { side: 'old', note: 'only read: stays' },
  'letters/ben.txt': { side: 'new', note: 'created' },
  'projects/bridge.txt': { side: 'old', note: 'not touched: stays' },
  'projects/harbour.txt': { side: 'new', note: 'was there' },
  'projects/lighthouse.txt': { side: 'old', note: 'renamed where it lies' },
  'settings.conf': { side: 'new', note: 'overwritten: moved' },
};

export function heldBefore(side: Side): string[] {
  return Object.keys(BEFORE).filter((path) => BEFORE[path] === side);
}

export function heldAfter(side: Side): string[] {
  return Object.keys(AFTER).filter((path) => AFTER[path]?.side === side);
}

/** Names that users had and do not see any more. */
export const GONE: Readonly<Record<string, string>> = {
  'projects/tower.txt': 'renamed',
  'scrap.tmp': 'deleted',
};

export function build(stage: Stage): void {
  for (const dir of [stage.old, stage.new, stage.data]) mkdirSync(dir);
  for (const { path, side, text, mode = 0o644 } of ITEMS) {
    const file = join(stage[side], path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    chmodSync(file, mode);
  }
  chmodSync(join(stage.old, 'letters'), LETTERS_MODE);
}
