// The inode numbers that the mount presents. Most follow by rule from the layer's device and inode number; those that
// cannot (copied-up objects, which keep the number they had, and 64-bit numbers that use their top byte) are remembered.
// A remembered number is found from both sides: once a copied-up file goes on under its source's number, a new file
// that the source's storage puts under that inode number must be presented under another.

import { ENOSPC } from '../../protocol/errno.ts';
import { Buckets } from './buckets.ts';
import type { Hash } from './hash.ts';
import type { Words64 } from './ids.ts';
import { Mutex } from './mutex.ts';
import { Pool } from './records.ts';
import { DEVICE_WORDS, HEADER, MAX_DEVICES, NUMBER_WORDS, type Region } from './region.ts';

// Words of a remembered number.
const NEXT = 0;
const DEVICE = 1;
const INO_LO = 2;
const INO_HI = 3;
const PRESENTED_LO = 4;
const PRESENTED_HI = 5;
const NEXT_PRESENTED = 6;

const TOP_BYTE = 24; // shift within the upper word
const ALLOCATED = 0xff; // the top byte of numbers that follow from no rule

export class Numbers {
  readonly #header: Int32Array;
  readonly #mutex: Mutex;
  readonly #records: Pool;
  readonly #index: Buckets;
  readonly #presented: Buckets; // the same records by the number that they present
  readonly #hash: Hash;
  readonly #devices: Int32Array;
  readonly #known = new Map<string, number>(); // this thread's copy of the device table
  readonly #last: { devMajor: number; devMinor: number; index: number }[] = []; // of each layer, what was asked last

  constructor(region: Region, hash: Hash) {
    this.#header = region.header;
    this.#mutex = new Mutex(region.header, HEADER.numberMutex);
    this.#hash = hash;
    this.#devices = region.words('devices');
    this.#records = new Pool(region.words('numbers'), NUMBER_WORDS, NEXT, region.header, HEADER.numberPool);
    this.#index = new Buckets(
      region.words('numberBuckets'),
      region.header,
      HEADER.numberIndex,
      this.#records,
      NEXT,
      (record) => this.#hashOf(record),
    );
    this.#presented = new Buckets(
      region.words('presentedBuckets'),
      region.header,
      HEADER.presentedIndex,
      this.#records,
      NEXT_PRESENTED,
      (record) => this.#presentedHash(record),
    );
  }

  get bytes(): number {
    return this.#records.bytes + this.#index.bytes + this.#presented.bytes;
  }

  get count(): number {
    return this.#records.used;
  }

  /**
   * The mount's index of a device within a layer, given out in the order of the first calls: the mount asks for the
   * upper layer's root first, which makes that 0. -ENOSPC after 4096.
   */
  deviceIndex(devMajor: number, devMinor: number, layer: number): number {
    // Most layers have one device: no key is made for what was asked last.
    const last = this.#last[layer];
    if (last?.devMajor === devMajor && last.devMinor === devMinor) return last.index;
    const key = `${devMajor}:${devMinor}:${layer}`;
    const index = this.#known.get(key) ?? this.#register(devMajor | 0, devMinor | 0, layer);
    if (index < 0) return index;
    this.#known.set(key, index);
    this.#last[layer] = { devMajor, devMinor, index };
    return index;
  }

  /**
   * Remembers under which number an object is presented; replaces what was remembered for it, and for the object that had the
   * number: that is a source, which goes, and whose inode number the next file of its storage may get. 0 or -ENOSPC.
   */
  remember(device: number, inoLo: number, inoHi: number, presentedLo: number, presentedHi: number): number {
    this.#mutex.lock();
    try {
      const other = this.#presenting(presentedLo | 0, presentedHi | 0);
      if (other !== 0 && other !== this.#find(device, inoLo | 0, inoHi | 0)) this.#forget(other);
      return this.#put(device, inoLo | 0, inoHi | 0, presentedLo, presentedHi);
    } finally {
      this.#mutex.unlock();
    }
  }

  /**
   * The number that the mount shows for an object: the one remembered; else the inode number itself with the device's
   * index in the top byte, if that byte is 0, the index at most 254, and the result not remembered for another object;
   * else a number of its own, which is remembered from then on.
   * 0; or -ENOSPC when such a number cannot be remembered, and then `out` holds one that is shown only this once.
   */
  presentedOf(device: number, inoLo: number, inoHi: number, out: Words64): number {
    this.#mutex.lock();
    try {
      const record = this.#find(device, inoLo | 0, inoHi | 0);
      if (record !== 0) {
        out.lo = this.#records.get(record, PRESENTED_LO) >>> 0;
        out.hi = this.#records.get(record, PRESENTED_HI) >>> 0;
        return 0;
      }
      if (inoHi >>> TOP_BYTE === 0 && device < ALLOCATED) {
        out.lo = inoLo >>> 0;
        out.hi = (inoHi | (device << TOP_BYTE)) >>> 0;
        if (this.#presenting(out.lo | 0, out.hi | 0) === 0) return 0;
      }
      this.#allocate(out);
      return this.#put(device, inoLo | 0, inoHi | 0, out.lo, out.hi);
    } finally {
      this.#mutex.unlock();
    }
  }

  /** The object is deleted: the layer may give its inode number to another one. */
  forgetNumber(device: number, inoLo: number, inoHi: number): void {
    this.#mutex.lock();
    try {
      const record = this.#find(device, inoLo | 0, inoHi | 0);
      if (record !== 0) this.#forget(record);
    } finally {
      this.#mutex.unlock();
    }
  }

  #register(devMajor: number, devMinor: number, layer: number): number {
    this.#mutex.lock();
    try {
      return this.#registerLocked(devMajor, devMinor, layer);
    } finally {
      this.#mutex.unlock();
    }
  }

  #registerLocked(devMajor: number, devMinor: number, layer: number): number {
    const devices = this.#devices;
    const count = this.#header[HEADER.devices] as number;
    for (let index = 0; index < count; index++) {
      const at = index * DEVICE_WORDS;
      if (devices[at] === devMajor && devices[at + 1] === devMinor && devices[at + 2] === layer) return index;
    }
    if (count === MAX_DEVICES) return -ENOSPC;
    const at = count * DEVICE_WORDS;
    devices[at] = devMajor;
    devices[at + 1] = devMinor;
    devices[at + 2] = layer;
    this.#header[HEADER.devices] = count + 1;
    return count;
  }

  #find(device: number, inoLo: number, inoHi: number): number {
    if (this.#index.entries === 0) return 0;
    const records = this.#records;
    let at = this.#index.first(this.#hash.words(inoLo, inoHi, device));
    for (; at !== 0; at = records.get(at, NEXT)) {
      const same = records.get(at, INO_LO) === inoLo && records.get(at, INO_HI) === inoHi;
      if (same && records.get(at, DEVICE) === device) return at;
    }
    return 0;
  }

  #forget(record: number): void {
    this.#index.remove(record, this.#hashOf(record));
    this.#presented.remove(record, this.#presentedHash(record));
    this.#records.give(record);
  }

  /** The record of the object that is presented under a number, or 0. */
  #presenting(lo: number, hi: number): number {
    if (this.#presented.entries === 0) return 0;
    const records = this.#records;
    let at = this.#presented.first(this.#hash.words(lo, hi, 0));
    for (; at !== 0; at = records.get(at, NEXT_PRESENTED)) {
      if (records.get(at, PRESENTED_LO) === lo && records.get(at, PRESENTED_HI) === hi) return at;
    }
    return 0;
  }

  #put(device: number, inoLo: number, inoHi: number, presentedLo: number, presentedHi: number): number {
    const records = this.#records;
    const known = this.#find(device, inoLo, inoHi);
    const record = known || records.take();
    if (record === 0) return -ENOSPC;
    if (known !== 0) this.#presented.remove(record, this.#presentedHash(record));
    records.set(record, PRESENTED_LO, presentedLo);
    records.set(record, PRESENTED_HI, presentedHi);
    this.#presented.insert(record, this.#presentedHash(record));
    if (known !== 0) return 0;
    records.set(record, DEVICE, device);
    records.set(record, INO_LO, inoLo);
    records.set(record, INO_HI, inoHi);
    this.#index.insert(record, this.#hashOf(record));
    return 0;
  }

  // 56 bits: never used up.
  #allocate(out: Words64): void {
    const lo = ((this.#header[HEADER.counter] as number) + 1) | 0;
    if (lo === 0) this.#header[HEADER.counter + 1] = (this.#header[HEADER.counter + 1] as number) + 1;
    this.#header[HEADER.counter] = lo;
    out.lo = lo >>> 0;
    out.hi = ((this.#header[HEADER.counter + 1] as number) | (ALLOCATED << TOP_BYTE)) >>> 0;
  }

  #hashOf(record: number): number {
    const records = this.#records;
    return this.#hash.words(
      records.get(record, INO_LO),
      records.get(record, INO_HI),
      records.get(record, DEVICE),
    );
  }

  #presentedHash(record: number): number {
    return this.#hash.words(
      this.#records.get(record, PRESENTED_LO),
      this.#records.get(record, PRESENTED_HI),
      0,
    );
  }
}
