// The tables: which storage holds each file that users see, before and after; read from the storages and compared with the mount.
import type { Check } from './checks.ts';
import { type Cell, table } from './screen.ts';
import { AFTER, BEFORE, GONE, heldAfter, heldBefore, type Side, type Stage } from './storages.ts';
import { files } from './tree.ts';

type Held = Record<Side, Map<string, number>>;

async function hold(stage: Stage): Promise<Held> {
  return { old: await files(stage.old), new: await files(stage.new) };
}

/** Each name lies where it should, in one storage alone; users see these names and no others, in their true sizes. */
async function checkHeld(
  check: Check,
  stage: Stage,
  held: Held,
  expected: (side: Side) => string[],
): Promise<void> {
  for (const side of ['old', 'new'] as const)
    check(`files on ${side}`, [...held[side].keys()], expected(side));
  const both = [...held.old, ...held.new].sort(([a], [b]) => (a < b ? -1 : 1));
  check('files and their sizes through the mount', [...(await files(stage.data))], both);
}

/** @returns what prints the table */
export async function lookBefore(check: Check, stage: Stage): Promise<() => void> {
  const held = await hold(stage);
  await checkHeld(check, stage, held, heldBefore);
  return () => show('data, before', held, Object.keys(BEFORE), () => undefined);
}

/** @returns what prints the table */
export async function lookAfter(check: Check, stage: Stage): Promise<() => void> {
  const held = await hold(stage);
  await checkHeld(check, stage, held, heldAfter);
  return () => show('data, after', held, [...Object.keys(AFTER), ...Object.keys(GONE)].sort(), note);
}

/** What has become of a name; green: it is on the new storage and was not before. */
function note(path: string): Cell {
  const after = AFTER[path];
  if (after === undefined) return { text: GONE[path] ?? '', colour: 'dim' };
  const arrived = after.side === 'new' && BEFORE[path] !== 'new';
  return { text: after.note, colour: arrived ? 'green' : 'dim' };
}

function show(
  title: string,
  held: Held,
  names: readonly string[],
  noteOf: (path: string) => Cell | undefined,
): void {
  const heading: Cell[] = [title, 'old', 'new'].map((text, i) => ({ text, colour: 'bold', right: i > 0 }));
  const rows = names.map((path): Cell[] => {
    const seen = held.old.has(path) || held.new.has(path);
    const said = noteOf(path);
    return [
      { text: path, colour: seen ? undefined : 'dim' },
      size(held.old.get(path), 'yellow'),
      size(held.new.get(path), 'green'),
      ...(said === undefined ? [] : [said]),
    ];
  });
  table([heading, ...rows]);
}

function size(bytes: number | undefined, colour: 'yellow' | 'green'): Cell {
  return bytes === undefined
    ? { text: '-', colour: 'dim', right: true }
    : { text: `${bytes} B`, colour, right: true };
}
