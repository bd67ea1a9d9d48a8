// Keeps the directory descriptors of the inode table within a budget. A descriptor lives as long as the kernel remembers its
// directory, so the way to have fewer is to make the kernel forget: a worker that sees the budget passed says so, once, and
// the main thread invalidates the names of the directories that were not used for longest. The kernel drops what it keeps below
// them, and the FORGETs that follow close the descriptors. (FUSE 7.45's PRUNE takes single nodes, and a directory with
// anything cached below it is not one that it can drop.)

import type { NodeId } from '../../protocol/index.ts';
import { type InodeTable, newNameRef } from '../inodes/table.ts';
import { giveUp, letGo } from '../layers/forget.ts';
import type { Notifier } from './notify.ts';
import { inodeKey, WorkingDirectories } from './working-directories.ts';

/** Directories of one round. */
const ROUND = 256;

/** Milliseconds between rounds, for the FORGETs of the last one to arrive. */
const PAUSE_MS = 2;

/**
 * Rounds without effect after which directories give up their descriptors though the kernel knows them: by a name that it cannot be told to
 * forget (an O_PATH descriptor, or what was looked up below it while its own name went), or since somebody has them open.
 */
const INSIST = 5;
/** The same, after so many rounds whose effect was too little. */
const INSIST_LATER = 20;

/** Rounds without effect after which it rests until the next report: all is in use. */
const PATIENCE = 100;

export interface EvictionOptions {
  readonly table: InodeTable;
  readonly notifier: Notifier;
  /** Descriptors from which on workers report. */
  readonly budget: number;
  /** The minor number of the mount's device, when it is known: working directories are left alone then. */
  readonly connection: number | undefined;
  /** Called when workers may report again. */
  readonly done: () => void;
}

/**
 * The main thread's side: rounds begin when a worker reports, and end when the count is a tenth below the budget; or half of what it was,
 * when there was no descriptor left: files that users have open may take what the budget counts on.
 */
export class Eviction {
  readonly #options: EvictionOptions;
  readonly #name = newNameRef();
  readonly #inode = { lo: 0, hi: 0 };
  readonly #inUse: WorkingDirectories | undefined;
  #timer: NodeJS.Timeout | undefined;
  #enough = 0;
  #lowest = 0;
  #idleRounds = 0;
  #rounds = 0;

  constructor(options: EvictionOptions) {
    this.#options = options;
    if (options.connection !== undefined) this.#inUse = new WorkingDirectories(options.connection);
  }

  /** A worker saw more descriptors than the budget, or (`exhausted`) could not have one. */
  start(exhausted = false): void {
    if (this.#timer !== undefined) return;
    const { table, budget } = this.#options;
    this.#enough = Math.min(budget * 0.9, exhausted ? table.descriptors() / 2 : budget);
    this.#lowest = Number.POSITIVE_INFINITY;
    this.#idleRounds = 0;
    this.#rounds = 0;
    letGo(table);
    this.#round();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #round(): void {
    this.#timer = undefined;
    const { table, done } = this.#options;
    const count = table.descriptors();
    this.#idleRounds = count < this.#lowest ? 0 : this.#idleRounds + 1;
    this.#lowest = Math.min(count, this.#lowest);
    if (count <= this.#enough || this.#idleRounds > PATIENCE) {
      done();
      return;
    }
    // With `handles=keep` the FORGETs of the rounds before ended nothing: names keep what the kernel has let go.
    if (this.#idleRounds > 0) letGo(table);
    this.#rounds++;
    const oldest = table.clock.oldest(ROUND);
    this.#forget(oldest);
    // They are found again by those who have them; getcwd(2) notices nothing.
    if (this.#idleRounds >= INSIST || this.#rounds >= INSIST_LATER) giveUp(table, oldest);
    this.#timer = setTimeout(() => this.#round(), PAUSE_MS);
  }

  #forget(nodes: readonly NodeId[]): void {
    if (nodes.length === 0) return;
    const { table, notifier } = this.#options;
    const kept = this.#inUse?.find();
    for (const node of nodes) {
      if (table.presented(node, this.#inode) && kept?.has(inodeKey(this.#inode.lo, this.#inode.hi))) continue;
      // What is open would lose its name, and what is looked up in it would keep it in the kernel's memory when it is closed.
      if (table.openHandles.openCount(node) === 0 && table.nameOf(node, this.#name))
        notifier.invalidateEntry(this.#name.parent, this.#name.bytes);
    }
  }
}
