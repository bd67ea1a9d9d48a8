// The figures of one workload, as they come.

import type { Row } from './report.ts';
import type { Figures, Storage, Unit, Workload } from './workload.ts';

export class Samples {
  readonly #storage: Storage;
  readonly #family: string;
  readonly #workload: Workload;
  /** By part ('' of a workload that has none), then by peer. */
  readonly #samples = new Map<string, Map<string, number[]>>();

  constructor(storage: Storage, family: string, workload: Workload) {
    this.#storage = storage;
    this.#family = family;
    this.#workload = workload;
  }

  keep(peer: string, figures: Figures): void {
    const entries = typeof figures === 'number' ? [['', figures] as const] : Object.entries(figures);
    for (const [part, value] of entries) {
      const byPeer = this.#samples.get(part) ?? new Map<string, number[]>();
      this.#samples.set(part, byPeer);
      byPeer.set(peer, [...(byPeer.get(peer) ?? []), value]);
    }
  }

  drop(peer: string): void {
    for (const byPeer of this.#samples.values()) byPeer.delete(peer);
  }

  rows(): Row[] {
    const { name, title, unit, parts, baseline = 'native' } = this.#workload;
    const all: [string | undefined, Unit][] = parts ? Object.entries(parts) : [[undefined, unit]];
    return all.map(([part, unit]) => ({
      storage: this.#storage,
      family: this.#family,
      workload: name,
      ...(part === undefined ? {} : { part }),
      title,
      unit,
      baseline,
      samples: Object.fromEntries(this.#samples.get(part ?? '') ?? []),
    }));
  }
}
