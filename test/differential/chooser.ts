// Chooses what operations are done with: mostly what is there, often a free name in a directory that is there, at times anything.

import { inside, NAMES, USERS } from './names.ts';
import type { Random } from './random.ts';
import { type Operation, SLOTS, type Target } from './side.ts';

/** What the plain directory holds: paths, and of which type they are ('' is a directory). */
export interface Listing {
  all: readonly string[];
  directories: readonly string[];
  files: readonly string[];
  links: readonly string[];
  /** Names of objects that have several. */
  linked: readonly string[];
}

/** What a row of the table chooses; the rest is empty. */
export type Chosen = Partial<Pick<Operation, 'targets' | 'slots' | 'numbers' | 'text'>>;

const NO_TARGET: Target = { at: -1, path: '' };

export class Chooser {
  readonly random: Random;
  listing: Listing = { all: [], directories: [''], files: [], links: [], linked: [] };
  /** The slots that hold something. */
  open: readonly number[] = [];

  constructor(random: Random) {
    this.random = random;
  }

  user(): number {
    return USERS.length > 1 && this.random.chance(35)
      ? this.random.pick(USERS.slice(1))
      : (USERS[0] as number);
  }

  slot(): number {
    return this.random.below(SLOTS);
  }

  /** A slot that holds something, mostly. */
  used(): number {
    return this.open.length > 0 && this.random.chance(95) ? this.random.pick(this.open) : this.slot();
  }

  /** Something that is there, mostly. */
  old(): Target {
    const { random, listing } = this;
    if (random.chance(75) && listing.all.length > 0) return this.#decorated(random.pick(listing.all));
    return this.fresh();
  }

  /** A name in a directory, which may be there or not. */
  fresh(): Target {
    const { random, listing } = this;
    if (random.chance(6))
      return { at: this.used(), path: random.chance(70) ? random.pick(NAMES) : this.#anything() };
    if (random.chance(10)) return { ...NO_TARGET, path: this.#anything() };
    return this.#decorated(inside(random.pick(listing.directories), random.pick(NAMES)));
  }

  directory(): Target {
    return this.#oneOf(this.listing.directories);
  }

  file(): Target {
    const { files, linked } = this.listing;
    return this.#oneOf(linked.length > 0 && this.random.chance(30) ? linked : files);
  }

  link(): Target {
    return this.#oneOf(this.listing.links);
  }

  #oneOf(paths: readonly string[]): Target {
    return this.random.chance(80) && paths.length > 0 ? this.#decorated(this.random.pick(paths)) : this.old();
  }

  #anything(): string {
    const { random } = this;
    const parts: string[] = Array.from({ length: 1 + random.below(4) }, () => random.pick(NAMES));
    if (random.chance(4)) parts[parts.length - 1] = 'n'.repeat(random.pick([254, 255, 256, 300]));
    return parts.join('/');
  }

  #decorated(path: string): Target {
    const { random } = this;
    if (path === '' || !random.chance(5)) return { ...NO_TARGET, path };
    const ways = [
      `${path}/`,
      `./${path}`,
      `${path}/.`,
      path.replace('/', '//'),
      `${random.pick(NAMES)}/../${path}`,
    ];
    return { ...NO_TARGET, path: random.pick(ways) };
  }

  mode(): number {
    return this.random.pick([
      0o644, 0o600, 0o755, 0o777, 0o666, 0o2775, 0o1777, 0o4755, 0o6711, 0o400, 0, 0o070,
    ]);
  }

  length(): number {
    return this.random.pick([0, 1, 10, 511, 4096, 5000, 20_000, 66_000]);
  }

  offset(): number {
    return this.random.pick([0, 0, 0, 1, 100, 4095, 4096, 8192, 30_000, 70_000, 130_000]);
  }

  xattr(): string {
    return this.random.pick(['user.a', 'user.a', 'user.b', 'user.c', 'nothing.of.that.name', 'user.']);
  }

  /** Seconds and nanoseconds of a time long ago, or UTIME_NOW or UTIME_OMIT. */
  time(): [number, number] {
    const { random } = this;
    if (random.chance(15)) return [0, random.pick([0x3fff_ffff, 0x3fff_fffe])];
    return [1_000_000_000 + random.below(400_000_000), random.below(1_000_000_000)];
  }
}
