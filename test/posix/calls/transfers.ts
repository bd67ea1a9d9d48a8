// Calls that move data between several buffers, files and pipes, and those that ask whether there is anything to move.

import { O_CLOEXEC } from '../../../src/sys/constants.ts';
import { pipe2, poll, pread, pwrite, write } from '../../../src/sys/fd.ts';
import { syscallNumber } from '../../../src/sys/libc.ts';
import {
  addressOf,
  bind,
  type Data,
  dataOf,
  kept,
  outcome,
  outcome64,
  textOf,
  type Wide,
} from './support.ts';

type Vector = BigUint64Array | null;
const c_vector = bind<
  (nr: number, fd: number, vector: Vector, count: number, offset: Wide, high: number, flags: number) => number
>('int64_t syscall(int64_t, int64_t, void*, int64_t, int64_t, int64_t, int64_t)');
const c_plain = bind<(nr: number, fd: number, address: Wide, length: Wide) => number>(
  'int64_t syscall(int64_t, int64_t, int64_t, size_t)',
);
const c_sendfile = bind<(to: number, from: number, offset: BigInt64Array | null, length: Wide) => number>(
  'int64_t sendfile(int, int, void*, size_t)',
);
const c_splice = bind<
  (
    from: number,
    offIn: BigInt64Array | null,
    to: number,
    offOut: BigInt64Array | null,
    length: Wide,
    flags: number,
  ) => number
>('int64_t splice(int, void*, int, void*, size_t, unsigned int)');
const c_sync_file_range = bind<(fd: number, offset: Wide, length: Wide, flags: number) => number>(
  'int sync_file_range(int, int64_t, int64_t, unsigned int)',
);
const c_fadvise = bind<(fd: number, offset: Wide, length: Wide, advice: number) => number>(
  'int posix_fadvise(int, int64_t, int64_t, int)',
);
const c_readahead = bind<(fd: number, offset: Wide, count: Wide) => number>(
  'int64_t readahead(int, int64_t, size_t)',
);
const c_ioctlNumber = bind<(fd: number, request: number, value: number) => number>(
  'int ioctl(int, unsigned long, int64_t)',
);
const c_epoll_create1 = bind<(flags: number) => number>('int epoll_create1(int)');
const c_epoll_ctl = bind<(epoll: number, operation: number, fd: number, event: Uint8Array) => number>(
  'int epoll_ctl(int, int, int, void*)',
);

const SYS_read = syscallNumber(0, 63);
const SYS_write = syscallNumber(1, 64);
const SYS_readv = syscallNumber(19, 65);
const SYS_writev = syscallNumber(20, 66);
const SYS_preadv2 = syscallNumber(327, 286);
const SYS_pwritev2 = syscallNumber(328, 287);
const FICLONE = 0x4004_9409;
const EPOLL_CTL_ADD = 1;

/** struct iovec[]: where each buffer lies and how long it is. */
function vectorOf(buffers: readonly Uint8Array<ArrayBuffer>[]): Vector {
  const vector = new BigUint64Array(new ArrayBuffer(Math.max(1, buffers.length) * 16));
  for (const [i, each] of buffers.entries()) {
    vector[2 * i] = addressOf(each.buffer);
    vector[2 * i + 1] = BigInt(each.length);
  }
  return vector;
}

/** A copy that C finds where it is. */
function own(data: Data): Uint8Array<ArrayBuffer> {
  const bytes = dataOf(data);
  const copy = new Uint8Array(new ArrayBuffer(Math.max(1, bytes.length))).subarray(0, bytes.length);
  copy.set(bytes);
  return copy;
}

const offsetOf = (offset: Wide | null) => (offset === null ? null : new BigInt64Array([BigInt(offset)]));

/** Reads into buffers of these lengths: what is in each, with `|` between, or a negative errno. */
function scattered(lengths: readonly number[], call: (vector: Vector) => number): string | number {
  const buffers = lengths.map((length) => own(new Uint8Array(length)));
  let left = call(vectorOf(buffers));
  if (left < 0) return left;
  return buffers
    .map((each) => {
      const here = Math.min(left, each.length);
      left -= here;
      return textOf(each, here);
    })
    .join('|');
}

const PAGE = 4096;
const room = new ArrayBuffer(2 * 1024 * 1024 + 2 * PAGE);
const start = (PAGE - Number(addressOf(room) % BigInt(PAGE))) % PAGE;

/** Memory that begins `shift` bytes after the start of a page, as O_DIRECT asks for. */
const aligned = (length: number, shift: number) => new Uint8Array(room, start + shift, length);

export const transferCalls = {
  preadAligned: (fd: number, length: number, offset: Wide, shift = 0): string | number => {
    const bytes = aligned(length, shift);
    const count = pread(fd, bytes, length, offset);
    return count < 0 ? count : textOf(bytes, count);
  },
  pwriteAligned: (fd: number, data: Data, offset: Wide, shift = 0): number => {
    const bytes = aligned(data.length, shift);
    bytes.set(dataOf(data));
    return pwrite(fd, bytes, data.length, offset);
  },
  readv: (fd: number, lengths: readonly number[]) =>
    scattered(lengths, (vector) => outcome(c_vector(SYS_readv, fd, vector, lengths.length, 0, 0, 0))),
  writev: (fd: number, parts: readonly Data[], count = parts.length) =>
    outcome(c_vector(SYS_writev, fd, vectorOf(parts.map(own)), count, 0, 0, 0)),
  /** `offset` -1: the descriptor's own position; `flags`: RWF_*. */
  preadv2: (fd: number, lengths: readonly number[], offset: Wide, flags = 0) =>
    scattered(lengths, (vector) =>
      outcome(c_vector(SYS_preadv2, fd, vector, lengths.length, offset, 0, flags)),
    ),
  pwritev2: (fd: number, parts: readonly Data[], offset: Wide, flags = 0) =>
    outcome(c_vector(SYS_pwritev2, fd, vectorOf(parts.map(own)), parts.length, offset, 0, flags)),
  /** read(2) and write(2) with an address that is nobody's. */
  readNowhere: (fd: number, length: number) => outcome(c_plain(SYS_read, fd, 16, length)),
  writeNowhere: (fd: number, length: number) => outcome(c_plain(SYS_write, fd, 16, length)),
  /** Writes `count` records, each with its own number, one write each. @returns 0, or what was not written whole */
  writeRecords: (fd: number, name: string, count: number, length: number): number => {
    for (let i = 0; i < count; i++) {
      const record = dataOf(`<${name} ${i} `.padEnd(length - 2, name[0]).concat('>\n'));
      const written = write(fd, record, record.length);
      if (written !== record.length) return written < 0 ? written : -1;
    }
    return 0;
  },
  sendfile: (to: number, from: number, offset: Wide | null, length: Wide) =>
    outcome(c_sendfile(to, from, offsetOf(offset), length)),
  splice: (from: number, offIn: Wide | null, to: number, offOut: Wide | null, length: Wide, flags = 0) =>
    outcome(c_splice(from, offsetOf(offIn), to, offsetOf(offOut), length, flags)),
  /** The reading and the writing end. */
  pipe: (flags = O_CLOEXEC): number[] => {
    const pair = new Int32Array(2);
    const made = pipe2(pair, flags);
    return made < 0 ? [made, made] : [...pair].map(kept);
  },
  ficlone: (to: number, from: number) => outcome(c_ioctlNumber(to, FICLONE, from)),
  syncFileRange: (fd: number, offset: Wide, length: Wide, flags: number) =>
    outcome(c_sync_file_range(fd, offset, length, flags)),
  /** As a system call answers, though the function returns the errno itself. */
  fadvise: (fd: number, offset: Wide, length: Wide, advice: number) => -c_fadvise(fd, offset, length, advice),
  readahead: (fd: number, offset: Wide, count: Wide) => Number(outcome64(c_readahead(fd, offset, count))),
  /** The events that are there, of those asked for; 0 when none came within the time. */
  poll: (fd: number, events: number, milliseconds = 0) => poll(fd, events, milliseconds),
  epollAdd: (fd: number): number => {
    const epoll = kept(outcome(c_epoll_create1(O_CLOEXEC)));
    if (epoll < 0) return epoll;
    return outcome(c_epoll_ctl(epoll, EPOLL_CTL_ADD, fd, new Uint8Array(new ArrayBuffer(16)).fill(1, 0, 1)));
  },
};

// pwritev2(2)
export const RWF_DSYNC = 0x02;
export const RWF_SYNC = 0x04;
export const RWF_NOWAIT = 0x08;
export const RWF_APPEND = 0x10;

// sync_file_range(2)
export const SYNC_FILE_RANGE_ALL = 7;
