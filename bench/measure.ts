// Workloads on one storage: a bed for each peer, and rounds that go from bed to bed, so that whatever else the machine does falls on all
// alike. Workloads of a family share the mounts: a daemon is measured as it is after some work, not as it starts.

import { rmSync } from 'node:fs';
import type { Storage as Made } from '../test/mounted/backing.ts';
import type { Guard } from '../test/mounted/guard.ts';
import { Bed } from './bed.ts';
import { layMerged, spread } from './lay.ts';
import type { Chosen } from './options.ts';
import type { Peer } from './peers.ts';
import type { Row } from './report.ts';
import { Samples } from './samples.ts';
import type { Tools } from './tools.ts';
import type { Storage, Workload } from './workload.ts';

export interface Run {
  readonly tools: Tools;
  readonly guard: Guard;
  readonly peers: readonly Peer[];
  /** Variants of peers are compared everywhere. */
  readonly named: boolean;
  readonly rounds: number;
  readonly interrupted: AbortSignal;
  readonly note: (what: string) => void;
}

/** Files for what makes code warm, and how many seconds of work that takes at least and at most. */
const WARM = { name: 'warm', files: spread(320), processes: 8, least: 2, most: 8 };
/** A daemon is warm when a second of the work goes no faster than one before it by more than this. */
const STEADY = 1.1;

/** Those that are measured on the same mounts: of one family and storage, unless they want layers or mounts of their own. */
export function groupsOf(chosen: readonly Chosen[], storage: Storage): Chosen[][] {
  const groups = new Map<string, Chosen[]>();
  for (const one of chosen) {
    const { name, fresh, sick, storages } = one.workload;
    if (storages?.includes(storage) === false) continue;
    const key = `${one.family.name}/${fresh ? name : sick ? 'sick' : ''}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()];
}

async function warm(bed: Bed, tools: Tools): Promise<void> {
  const { name, files, processes, least, most } = WARM;
  for (let second = 0, best = 0; second < most; second++) {
    const { rate } = await tools.hot('mix', `${bed.tree}/${name}`, { ...files, processes, seconds: 1 });
    if (second >= least && rate < best * STEADY) return;
    best = Math.max(best, rate);
  }
}

/** A group of workloads on one storage. */
export class Group {
  readonly #storage: Storage;
  readonly #run: Run;
  readonly #workloads: readonly Workload[];
  /** The peers that are up. */
  #beds: Bed[] = [];

  constructor(workloads: readonly Workload[], storage: Storage, made: Made, run: Run) {
    this.#storage = storage;
    this.#run = run;
    this.#workloads = workloads;
    const { peers, tools, guard } = run;
    const sick = workloads.some(({ sick }) => sick);
    this.#beds = peers
      .filter((peer) => workloads.some((workload) => this.#isOn(workload, peer)))
      .map((peer) => new Bed(peer, made.path, tools, guard, sick));
  }

  /** Lays all that can be laid before, mounts, and makes everything warm. A workload that is `fresh` does all of that itself. */
  async make(): Promise<void> {
    const workloads = this.#workloads.filter(({ fresh }) => !fresh);
    if (workloads.length === 0) return;
    const { tools, rounds } = this.#run;
    const failed = await this.#each('layers and mount', this.#beds, 0, async (bed) => {
      const ours = workloads.filter((workload) => this.#isOn(workload, bed.peer));
      for (const prepare of new Set(ours.map(({ prepare }) => prepare))) await prepare?.(bed);
      for (const workload of ours) {
        for (let round = 0; round <= rounds; round++) await workload.lay?.(bed, nameOf(workload, round));
      }
      await layMerged(bed, WARM.name, WARM.files);
      await tools.run('sync', ['-f', bed.upper]);
      await bed.mount();
      if (bed.peer.kind === 'tool') return;
      await warm(bed, tools);
    });
    this.#beds = this.#beds.filter((bed) => !failed.includes(bed));
  }

  /** @returns a row for each figure that the workload gives */
  async measure({ family, workload }: Chosen): Promise<Row[]> {
    const { fresh, before, run } = workload;
    const { rounds } = this.#run;
    const samples = new Samples(this.#storage, family.title, workload);
    let beds = this.#beds.filter(({ peer }) => this.#isOn(workload, peer));
    // The first one, of number 0, makes code and caches warm, and does not count.
    for (let round = fresh ? 1 : 0; round <= rounds; round++) {
      const failed = await this.#each(workload.name, beds, round, async (bed) => {
        const name = nameOf(workload, round);
        if (fresh) await this.#freshen(bed, workload, name);
        else if (round === 0) await bed.cold();
        await before?.(bed);
        const figures = await run(bed, name);
        if (round > 0) samples.keep(bed.peer.name, figures);
        if (fresh) await this.#clear(bed, name);
      });
      beds = beds.filter((bed) => !failed.includes(bed));
      for (const bed of failed) {
        samples.drop(bed.peer.name);
        if (!fresh) await this.#recover(bed);
      }
    }
    return samples.rows();
  }

  async close(): Promise<void> {
    for (const bed of this.#beds) await this.#close(bed);
  }

  #isOn({ takes = ({ kind }) => kind !== 'tool', variants }: Workload, peer: Peer): boolean {
    return takes(peer) && (this.#run.named || !peer.variant || variants?.includes(peer.name) === true);
  }

  async #freshen(bed: Bed, { lay }: Workload, name: string): Promise<void> {
    await lay?.(bed, name);
    await bed.mount();
  }

  async #clear(bed: Bed, name: string): Promise<void> {
    const fault = await bed.unmount();
    if (fault !== undefined) throw new Error(fault);
    for (const layer of [bed.lower, bed.upper]) rmSync(`${layer}/${name}`, { recursive: true, force: true });
  }

  /**
   * Does something on each bed, beginning with another one in each round.
   * @returns those on which it has failed, which are not mounted any more
   */
  async #each(
    what: string,
    beds: readonly Bed[],
    round: number,
    body: (bed: Bed) => Promise<void>,
  ): Promise<Bed[]> {
    const { interrupted, note } = this.#run;
    const failed: Bed[] = [];
    const first = round % Math.max(1, beds.length);
    for (const bed of [...beds.slice(first), ...beds.slice(0, first)]) {
      interrupted.throwIfAborted();
      try {
        await body(bed);
      } catch (error) {
        interrupted.throwIfAborted();
        note(`${this.#storage}, ${what}, ${bed.peer.name}: ${(error as Error).message.split('\n')[0]}`);
        failed.push(bed);
        await this.#close(bed);
      }
    }
    return failed;
  }

  /** What has failed once may work for the next workload. */
  async #recover(bed: Bed): Promise<void> {
    await bed.mount().catch(async () => {
      this.#beds = this.#beds.filter((one) => one !== bed);
      await this.#close(bed);
    });
  }

  async #close(bed: Bed): Promise<void> {
    const fault = await bed.close();
    if (fault !== undefined) this.#run.note(`${this.#storage}, ${bed.peer.name}: ${fault}`);
  }
}

const nameOf = (workload: Workload, round: number): string => `${workload.name}-${round}`;
