// The region: one reserved stretch of shared memory, carved into fixed areas. Nothing else in this folder
// touches the buffer itself, so that the region can later be a mapped memfd that outlives the daemon.
// Areas are sized for the same number of inodes each; memory becomes resident only where it is touched.

import { randomFillSync } from 'node:crypto';

/** Word offsets in the header area. Words that different threads spin on lie 64 bytes apart. */
export const HEADER = {
  magic: 0,
  version: 1,
  layers: 2,
  handles: 3,
  seed: 4, // 2 words
  tableMutex: 16,
  handleMutex: 32,
  numberMutex: 48,
  structure: 64, // 6 words, see rwlock.ts
  nodePool: 80, // 3 words each, see records.ts
  dentryPool: 84,
  directoryPool: 88,
  numberPool: 92,
  nodeIndex: 96, // 2 words each, see buckets.ts
  dentryIndex: 98,
  numberIndex: 100,
  presentedIndex: 102,
  arena: 104, // 2 words and a free list for each size class, see arena.ts
  doomed: 128,
  overForgets: 129,
  retired: 130,
  descriptors: 131,
  openHandles: 132,
  clockHand: 133,
  devices: 134,
  counter: 136, // 2 words
  keep: 138, // whether nodes are kept after the kernel has forgotten them
  users: 139, // the highest owner that tells what it uses, see uses.ts
  lockGates: 144, // 16 mutexes, 64 bytes apart, see gates.ts
  owners: 512, // 2 words for each, see owners.ts
} as const;

const MAGIC = 0x6d667331;
const VERSION = 1;
const HEADER_BYTES = 4096;

/** How many counters tell whether a name may have changed since it was looked at; a power of two. */
export const STAMPS = 4096;
/** Owners of locks (worker threads) are numbers from 1 to this; what higher ones leave behind is not known. */
export const MAX_OWNERS = 255;
/** How many (device, layer) pairs one mount may meet. */
export const MAX_DEVICES = 4096;

export const NODE_WORDS = 23;
export const DENTRY_WORDS = 8;
export const NUMBER_WORDS = 7;
export const HANDLE_WORDS = 8;
export const DEVICE_WORDS = 4;
/** Words of each worker in uses.ts. */
export const USE_WORDS = 32;
/** Words of a directory block that do not belong to one layer, and words for each layer. */
export const BLOCK_WORDS = 3;
export const SIDE_WORDS = 4;

// Names take 24 bytes on average; 64 leave room for trees of long names. A byte view ends at 4 GiB on Node 20.
const NAME_BYTES_PER_NODE = 64;
const MAX_VIEW_BYTES = 2 ** 32 - 64;

/** How much to reserve: `bytes` in all, for `layers` storages and descriptor numbers below `handles`. */
export interface ReserveOptions {
  bytes: number;
  layers: number;
  handles: number;
  /** Nodes that have a name stay after the kernel has forgotten them, until `letGo`: their ids are in file handles. */
  keep?: boolean;
}

type AreaName =
  | 'header'
  | 'stamps'
  | 'devices'
  | 'handles'
  | 'uses'
  | 'nodes'
  | 'dentries'
  | 'names'
  | 'directories'
  | 'nodeBuckets'
  | 'dentryBuckets'
  | 'numbers'
  | 'numberBuckets'
  | 'presentedBuckets';

export function directoryWords(layers: number): number {
  return BLOCK_WORDS + SIDE_WORDS * layers;
}

type Sizes = { readonly [area in AreaName]: number };

/** The bytes of every area, as a function of the options alone: whoever attaches computes the same. */
function areaSizes({ bytes, layers, handles }: ReserveOptions): Sizes {
  const fixed = {
    header: HEADER_BYTES,
    stamps: STAMPS * 4,
    devices: MAX_DEVICES * DEVICE_WORDS * 4,
    handles: handles * HANDLE_WORDS * 4,
    uses: (MAX_OWNERS + 1) * USE_WORDS * 4,
  };
  const each = {
    nodes: NODE_WORDS * 4,
    dentries: DENTRY_WORDS * 5, // hard links: a quarter more names than nodes
    names: NAME_BYTES_PER_NODE,
    directories: directoryWords(layers) * 4,
    nodeBuckets: 4,
    dentryBuckets: 4,
    numbers: NUMBER_WORDS * 4,
    numberBuckets: 4,
    presentedBuckets: 4,
  };
  const sum = (sizes: object) =>
    Object.values(sizes).reduce((total: number, size: number) => total + size, 0);
  const slack = 64 * 16; // every area starts on a cache line
  const nodes = Math.floor((bytes - sum(fixed) - slack) / sum(each));
  if (nodes < 16) throw new RangeError(`a region of ${bytes} bytes is too small for ${handles} handles`);
  const scaled = Object.entries(each).map(([area, size]) => [area, Math.min(size * nodes, MAX_VIEW_BYTES)]);
  return { ...fixed, ...Object.fromEntries(scaled) };
}

export class Region {
  readonly buffer: SharedArrayBuffer;
  readonly header: Int32Array;
  readonly layers: number;
  readonly handles: number;
  readonly #areas = new Map<string, { start: number; size: number }>();

  /** Reserves and marks a region. Throws a RangeError when it is too small or the host refuses the memory. */
  static reserve(options: ReserveOptions): Region {
    areaSizes(options);
    const buffer = new SharedArrayBuffer(options.bytes);
    const header = new Int32Array(buffer, 0, HEADER_BYTES / 4);
    header[HEADER.version] = VERSION;
    header[HEADER.layers] = options.layers;
    header[HEADER.handles] = options.handles;
    header[HEADER.keep] = options.keep ? 1 : 0;
    randomFillSync(header, HEADER.seed, 2);
    Atomics.store(header, HEADER.magic, MAGIC);
    return new Region(buffer);
  }

  /** Attaches to a region. Throws a TypeError for memory that `reserve` did not mark. */
  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.header = new Int32Array(buffer, 0, HEADER_BYTES / 4);
    if (this.header[HEADER.magic] !== MAGIC || this.header[HEADER.version] !== VERSION) {
      throw new TypeError('not a region of an inode table');
    }
    this.layers = this.header[HEADER.layers] as number;
    this.handles = this.header[HEADER.handles] as number;
    const sizes = areaSizes({ bytes: buffer.byteLength, layers: this.layers, handles: this.handles });
    let start = 0;
    for (const [name, size] of Object.entries(sizes)) {
      this.#areas.set(name, { start, size });
      start = Math.ceil((start + size) / 64) * 64;
    }
  }

  /** The area as 32-bit words. */
  words(name: AreaName): Int32Array {
    const { start, size } = this.#area(name);
    return new Int32Array(this.buffer, start, Math.floor(size / 4));
  }

  /** The area as bytes. */
  bytes(name: AreaName): Uint8Array {
    const { start, size } = this.#area(name);
    return new Uint8Array(this.buffer, start, size);
  }

  #area(name: AreaName): { start: number; size: number } {
    return this.#areas.get(name) as { start: number; size: number };
  }
}
