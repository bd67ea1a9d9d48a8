// What the sick file system does wrong: rules that tests set at run time. The first rule that matches an operation, and whose turn it is,
// decides what becomes of it.

import type { OperationName } from '../../protocol/index.ts';

/** What becomes of an operation. */
export type Illness =
  /** It is not begun before `release`. */
  | { readonly kind: 'hang' }
  /** It is begun so many milliseconds later; the others go on meanwhile. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** It is not done, and answered with this errno. */
  | { readonly kind: 'fail'; readonly errno: number }
  /** A READ or WRITE takes at most so many bytes. */
  | { readonly kind: 'short'; readonly bytes: number };

export interface Rule {
  /** By the operations' names in the protocol's table; default: every operation that is answered. */
  readonly operations?: readonly OperationName[];
  /** The source of a regular expression for the object's path in the file system, which begins with a slash; default: all. */
  readonly path?: string;
  /** The first operation that falls ill, of those that match; default 1, the very next. */
  readonly from?: number;
  /** How many fall ill; default: all from then on. */
  readonly times?: number;
  readonly illness: Illness;
}

interface Active {
  readonly rule: Rule;
  readonly path: RegExp | undefined;
  matched: number;
}

export class Rules {
  readonly #active: Active[] = [];
  readonly #counts = new Map<OperationName, number>();

  add(rule: Rule): void {
    this.#active.push({
      rule,
      path: rule.path === undefined ? undefined : new RegExp(rule.path),
      matched: 0,
    });
  }

  clear(): void {
    this.#active.length = 0;
  }

  /** Counts an operation. @param paths of what it is about: two for a rename. @returns what becomes of it; undefined: it is well. */
  judge(operation: OperationName, paths: readonly string[]): Illness | undefined {
    this.#counts.set(operation, this.#count(operation) + 1);
    for (const active of this.#active) {
      const { operations, from = 1, times = Number.POSITIVE_INFINITY, illness } = active.rule;
      if (operations !== undefined && !operations.includes(operation)) continue;
      const { path } = active;
      if (path !== undefined && !paths.some((one) => path.test(one))) continue;
      active.matched++;
      if (active.matched >= from && active.matched < from + times) return illness;
    }
    return undefined;
  }

  /** How often each operation has come. */
  get counts(): Partial<Record<OperationName, number>> {
    return Object.fromEntries(this.#counts);
  }

  #count(operation: OperationName): number {
    return this.#counts.get(operation) ?? 0;
  }
}
