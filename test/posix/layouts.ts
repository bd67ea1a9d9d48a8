// Where the things lie that a case is given. A layout places them on the layers of a mount, so that the merged tree shows them, and
// nothing else: what a case finds is always the same, and which layers must change for it never is.

import { complete, type Placed } from './build.ts';
import { type Attributes, dir, file, type Given } from './case.ts';

export type LayoutName = 'plain' | 'upper' | 'lower' | 'merged' | 'lower2' | 'contrary';

export interface Layout {
  name: LayoutName;
  lowers: number;
  /** What each layer holds, the upper one first. None: things are made through the mount when the case begins. */
  place?: (given: Given, number: number) => Placed[][];
}

const isDir = ({ thing }: Placed) => thing.kind === 'dir';
const firstPart = (path: string) => path.split('/', 1)[0] as string;

/** Which of `count` places each thing but a directory takes, in turn; all names of one file take the same. */
function inTurn(things: readonly Placed[], count: number, number: number): Map<string, number> {
  const turns = new Map<string, number>();
  let next = number;
  for (const { path, thing } of things) {
    if (thing.kind === 'dir') continue;
    turns.set(path, thing.kind === 'link' ? (turns.get(thing.to) as number) : next++ % count);
  }
  return turns;
}

/** What an upper file hides in `merged`: older, and another, but of the same owner, whom a sticky directory asks for. */
const older = (path: string, { uid, gid }: Attributes = {}): Placed => ({
  path,
  thing: file('hidden below, and never to be seen', {
    mode: 0o600,
    mtime: 946_684_800_000_000_000n,
    ...(uid !== undefined && { uid }),
    ...(gid !== undefined && { gid }),
  }),
});

/** What hides under the names of `things` in `contrary`: a file under a directory's name, and the other way round. */
function opposites(things: readonly Placed[]): Placed[] {
  const names = new Map<string, boolean>();
  for (const each of things) {
    if (each.path !== '.') names.set(firstPart(each.path), each.path.includes('/') || isDir(each));
  }
  return [...names].flatMap(([name, directory]): Placed[] =>
    directory
      ? [older(name)]
      : [
          { path: name, thing: dir() },
          { path: `${name}/hidden`, thing: file('hidden below') },
          { path: `${name}/sub`, thing: dir() },
        ],
  );
}

export const LAYOUTS: readonly Layout[] = [
  { name: 'upper', lowers: 1 },
  {
    name: 'lower',
    lowers: 1,
    place: (given) => [[], complete(given)],
  },
  {
    name: 'merged',
    lowers: 1,
    place: (given, number) => {
      const things = complete(given);
      const turns = inTurn(things, 2, number);
      const upper = things.filter((each) => isDir(each) || turns.get(each.path) === 0);
      const lower = things.flatMap((each) => {
        if (isDir(each)) return [each];
        if (turns.get(each.path) === 1) return [each];
        return [older(each.path, each.thing.kind === 'link' ? given[each.thing.to] : each.thing)];
      });
      return [upper, lower];
    },
  },
  {
    name: 'lower2',
    lowers: 2,
    place: (given, number) => {
      const things = complete(given);
      // Of three things one lies in the first lower layer, the others in the second.
      const turns = inTurn(things, 3, number);
      const first = things.filter((each) => isDir(each) || turns.get(each.path) === 0);
      const second = things.filter((each) => isDir(each) || turns.get(each.path) !== 0);
      return [things.filter(isDir), first, second];
    },
  },
  {
    name: 'contrary',
    lowers: 2,
    place: (given, number) => {
      const things = complete(given);
      const root = things.filter(({ path }) => path === '.');
      const below = [...root, ...opposites(things)];
      return number % 2 === 0 ? [things, below, []] : [[], things, below];
    },
  },
];
