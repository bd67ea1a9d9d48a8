// What lies on the layers at the start: a random tree on each, over the same few names, so that files hide older copies, directories are
// merged, and things of different types hide one another. The plain directory gets what the merge rule makes of them.

import { errnoName } from '../../protocol/errno.ts';
import {
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  O_CREAT,
  O_EXCL,
  O_WRONLY,
  S_IFIFO,
} from '../../src/sys/constants.ts';
import { close, open, pwrite } from '../../src/sys/fd.ts';
import { chmod, fchownat, linkat, mkdirat, mknodat, symlinkat, utimensat } from '../../src/sys/path.ts';
import { ATIME, MTIME, TimeSpecs } from '../../src/sys/times.ts';
import { lsetxattr } from '../../src/sys/xattr.ts';
import { bytes, inside, isRoot, NAMES, parentOf, SHARED_GROUP } from './names.ts';
import { hashText, Random } from './random.ts';

export type Kind = 'dir' | 'file' | 'link' | 'fifo';

/** One object of one layer. The layer's own root has the path ''. */
export interface Entry {
  layer: number;
  path: string;
  kind: Kind;
  mode: number;
  uid: number;
  gid: number;
  /** Of files: how long, and what is in it. */
  size: number;
  salt: number;
  /** Of links. */
  target: string;
  xattr: string;
  /** Modification and access time: long before any clock. */
  seconds: number;
  /** Entries of one layer with the same number, if it is not 0, are names of one object. */
  group: number;
}

const DIR_MODES = [0o755, 0o777, 0o700, 0o1777, 0o2775, 0o750, 0o755, 0o777];
const FILE_MODES = [0o644, 0o666, 0o600, 0o664, 0o4755, 0o2755, 0o444, 0o640];
const OWNERS = isRoot ? [0, 1001, 1002] : [process.geteuid?.() ?? 0];
const GROUPS = isRoot ? [0, 1001, 1002, SHARED_GROUP] : [process.getegid?.() ?? 0];

/** What a path most often is, in every layer: conflicts of type are to be there, not to be the rule. */
function usualKind(seed: number, path: string): Kind {
  return (['dir', 'dir', 'dir', 'file', 'file', 'file', 'link', 'fifo'] as const)[
    hashText(`${seed}:${path}:kind`) % 8
  ] as Kind;
}

/** @param layers 3: the upper, and two lower. */
export function randomLayout(seed: number, layers: number): Entry[] {
  const random = new Random(hashText(`layout ${seed}`));
  const entries: Entry[] = [];
  // Of some seeds the layers agree on what is what; others have conflicts of type.
  const conflicts = random.pick([0, 0, 12, 35]);
  for (let layer = 0; layer < layers; layer++) {
    if (layer > 0 || random.chance(70)) fill(entries, random, seed, layer, '', 0, conflicts);
  }
  return withLinks(entries, new Random(hashText(`links ${seed}`)));
}

/**
 * Gives some objects more names in their layer: in place of other objects, and where nothing was. All names are ones that the merged tree
 * shows: a hidden one would be counted by the layer, and not by the plain directory.
 */
function withLinks(entries: Entry[], random: Random): Entry[] {
  const shown = merged(entries);
  const named = shown.filter((each) => each.kind !== 'dir' && random.chance(40));
  named.forEach((each, i) => {
    each.group = i + 1;
  });
  let all = entries;
  for (const each of shown) {
    const from = named.find((other) => other.layer === each.layer && other !== each);
    if (from && each.kind === from.kind && each.group === 0 && random.chance(40)) {
      Object.assign(each, { ...from, path: each.path });
    }
  }
  for (const each of named) {
    const names = random.pick([0, 1, 1, 2, 6]);
    for (let i = 0; i < names; i++) {
      const directory = random.pick(shown.filter((dir) => dir.kind === 'dir'));
      const path = inside(directory.path, random.pick(NAMES));
      const more = [...all, { ...each, path }];
      const free = all.every((other) => other.path !== path) && closed(more).length === more.length;
      if (free && merged(more).some((other) => other.path === path)) all = more;
    }
  }
  return all;
}

function fill(
  entries: Entry[],
  random: Random,
  seed: number,
  layer: number,
  path: string,
  depth: number,
  conflicts: number,
): void {
  entries.push(entry(random, seed, layer, path, 'dir'));
  for (const name of NAMES) {
    if (!random.chance(depth === 0 ? 55 : 40)) continue;
    const child = inside(path, name);
    const usual = usualKind(seed, child);
    const kind = random.chance(conflicts) ? random.pick(['dir', 'file', 'link', 'fifo'] as const) : usual;
    if (kind !== 'dir') entries.push(entry(random, seed, layer, child, kind));
    else if (depth < 3) fill(entries, random, seed, layer, child, depth + 1, conflicts);
  }
}

function entry(random: Random, seed: number, layer: number, path: string, kind: Kind): Entry {
  // A directory has the same owner, mode, xattrs and times on every layer that has it.
  const own = kind === 'dir' ? new Random(hashText(`${seed}:${path}:meta`)) : random;
  return {
    layer,
    path,
    kind,
    mode: path === '' ? 0o777 : own.pick(kind === 'dir' ? DIR_MODES : FILE_MODES) | (isRoot ? 0 : 0o700),
    uid: own.pick(OWNERS),
    gid: own.pick(GROUPS),
    size: own.pick([0, 1, 100, 5000, 70_000]),
    salt: own.below(251),
    target: own.pick(['a', 'b', 'c/a', 'b/a', 'd', 'nowhere/at/all']),
    xattr: own.chance(30) ? `value ${own.below(100)}` : '',
    seconds: 900_000_000 + own.below(100_000_000),
    group: 0,
  };
}

/** What the merged tree shows: of each name the topmost; directories joined down to the first thing that is none. */
export function merged(entries: readonly Entry[]): Entry[] {
  const shown: Entry[] = [];
  const walk = (path: string, sides: readonly number[]) => {
    const names = new Map<string, Entry[]>();
    for (const side of sides) {
      for (const each of entries) {
        if (each.layer !== side || each.path === '' || parentOf(each.path) !== path) continue;
        names.set(each.path, [...(names.get(each.path) ?? []), each]);
      }
    }
    for (const [child, found] of names) {
      const top = found[0] as Entry;
      shown.push(top);
      const end = found.findIndex((each) => each.kind !== 'dir');
      if (end !== 0)
        walk(
          child,
          found.slice(0, end < 0 ? found.length : end).map((each) => each.layer),
        );
    }
  };
  const roots = entries.filter((each) => each.path === '');
  if (roots[0]) shown.push(roots[0]);
  walk(
    '',
    roots.map((each) => each.layer),
  );
  return shown;
}

/** Less what can no longer be there: entries whose directory has been dropped. */
export function closed(entries: readonly Entry[]): Entry[] {
  const kept: Entry[] = [];
  for (const each of entries) {
    const parent =
      each.path === '' ||
      kept.some((up) => up.layer === each.layer && up.path === parentOf(each.path) && up.kind === 'dir');
    if (parent) kept.push(each);
  }
  return kept;
}

const times = new TimeSpecs();
const content = new Uint8Array(1 << 17);

/** The bytes that are written with a salt. */
export function salted(salt: number, length: number): Uint8Array {
  for (let i = 0; i < length; i++) content[i] = (salt + i * 7 + (i >>> 8)) & 0xff;
  return content;
}

/** Makes entries of one layer below `root`. Directories come before what is in them. */
export function build(root: string, entries: readonly Entry[]): void {
  const names = new Map<string, string>();
  for (const each of entries) {
    const path = `${root}/${each.path}`;
    const first = each.group === 0 ? undefined : names.get(`${each.layer} ${each.group}`);
    if (first !== undefined) sure(linkat(AT_FDCWD, bytes(first), AT_FDCWD, bytes(path), 0), path);
    else make(path, each);
    if (each.group !== 0 && first === undefined) names.set(`${each.layer} ${each.group}`, path);
  }
  for (const each of [...entries].reverse()) describe(`${root}/${each.path}`, each);
}

function make(at: string, each: Entry): void {
  const path = bytes(at);
  if (each.kind === 'dir') sure(mkdirat(AT_FDCWD, path, 0o700), at);
  else if (each.kind === 'link') sure(symlinkat(bytes(each.target), AT_FDCWD, path), at);
  else if (each.kind === 'fifo') sure(mknodat(AT_FDCWD, path, S_IFIFO | 0o600, 0), at);
  else {
    const fd = sure(open(path, O_WRONLY | O_CREAT | O_EXCL, 0o600), at);
    sure(pwrite(fd, salted(each.salt, each.size), each.size, 0), at);
    sure(close(fd), at);
  }
}

function describe(at: string, each: Entry): void {
  const path = bytes(at);
  if (each.xattr !== '' && (each.kind === 'dir' || each.kind === 'file')) {
    const value = Buffer.from(each.xattr);
    lsetxattr(path, bytes('user.a'), value, value.length, 0); // a file system without them has none on either side
  }
  sure(fchownat(AT_FDCWD, path, each.uid, each.gid, AT_SYMLINK_NOFOLLOW), at);
  if (each.kind !== 'link') sure(chmod(path, each.mode), at);
  times.set(ATIME, each.seconds, 5).set(MTIME, each.seconds, 123_456_789);
  sure(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), at);
}

function sure(result: number, path: string): number {
  if (result >= 0) return result;
  throw new Error(`the layers cannot be laid out: ${path}: ${errnoName(result)}`);
}
