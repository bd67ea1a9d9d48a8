// Keeps the directory descriptors of the inode table within a budget. A descriptor lives as long as the kernel remembers its
// directory, so the only way to have fewer is to ask the kernel to forget: a worker that sees the budget passed says so, once,
// and the main thread names the directories that were not used for longest. The FORGETs that follow close the descriptors.

import type { NodeId } from '../../protocol/index.ts';
import { type InodeTable, newNameRef } from '../inodes/table.ts';
import type { Notifier } from './notify.ts';

/** Directories that one round asks the kernel to forget. */
const ROUND = 256;

/** Milliseconds between rounds: time for the FORGETs of the last one to arrive. */
const PAUSE_MS = 20;

/** Rounds without effect after which the budget is left passed until the next report: all is in use. */
const PATIENCE = 50;

/** The main thread's side; a round runs when a worker reports, and again until the count is a tenth below the budget. */
export class Eviction {
  readonly #table: InodeTable;
  readonly #notifier: Notifier;
  readonly #budget: number;
  readonly #done: () => void;
  readonly #name = newNameRef();
  #timer: NodeJS.Timeout | undefined;
  #rounds = 0;

  /** @param done called when workers may report again */
  constructor(table: InodeTable, notifier: Notifier, budget: number, done: () => void) {
    this.#table = table;
    this.#notifier = notifier;
    this.#budget = budget;
    this.#done = done;
  }

  /** A worker saw more descriptors than the budget. */
  start(): void {
    if (this.#timer !== undefined) return;
    this.#rounds = 0;
    this.#round();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #round(): void {
    this.#timer = undefined;
    if (this.#table.descriptors() <= this.#budget * 0.9 || this.#rounds++ >= PATIENCE) {
      this.#done();
      return;
    }
    this.#forget(this.#table.oldestDirectories(ROUND));
    this.#timer = setTimeout(() => this.#round(), PAUSE_MS);
  }

  #forget(nodes: readonly NodeId[]): void {
    if (nodes.length === 0) return;
    // A prune drops what is unused and leaves the rest alone. Older kernels can only be told that a name is invalid, which also
    // cuts a directory that is in use off its path until it is looked up again.
    if (this.#notifier.canPrune) {
      this.#notifier.prune(nodes);
      return;
    }
    for (const node of nodes) {
      if (this.#table.nameOf(node, this.#name))
        this.#notifier.invalidateEntry(this.#name.parent, this.#name.bytes);
    }
  }
}
