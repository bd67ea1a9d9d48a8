// Calls on the content of files: opening in every way, and what is done with descriptors that are kept, whatever becomes of the names.

import { createHash } from 'node:crypto';
import { ENXIO } from '../../protocol/errno.ts';
import {
  AT_EMPTY_PATH,
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  FALLOC_FL_ZERO_RANGE,
  O_APPEND,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOATIME,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_SYNC,
  O_TRUNC,
  SEEK_CUR,
  SEEK_DATA,
  SEEK_END,
  SEEK_HOLE,
  SEEK_SET,
  STATX_BASIC_STATS,
  STATX_TYPE,
} from '../../src/sys/constants.ts';
import { copyFileRange } from '../../src/sys/copy.ts';
import { EMPTY } from '../../src/sys/cstring.ts';
import { fallocate, fsync, ftruncate, lseek, open, pread, pwrite, read, write } from '../../src/sys/fd.ts';
import { procPath, statx, truncate } from '../../src/sys/path.ts';
import { Stat } from '../../src/sys/stat.ts';
import { isAsked } from '../mounted/mount-options.ts';
import type { CallRow } from './calls.ts';
import { salted } from './layout.ts';
import { say } from './side.ts';

const stat = new Stat();
const buffer = new Uint8Array(1 << 18);

/** What was read, short enough to be compared by eye. */
export function digest(bytes: Uint8Array, count: number): string {
  if (count < 0) return say(count);
  return `${count} bytes ${createHash('sha1').update(bytes.subarray(0, count)).digest('hex').slice(0, 8)}`;
}

/** A directory's offsets are the file system's own, and how they are refused. */
function isDirectory(fd: number): boolean {
  return statx(fd, EMPTY, AT_EMPTY_PATH, STATX_TYPE, stat) === 0 && stat.isDirectory;
}

/**
 * Whose bits the kernel takes before it asks whether a FUSE file system can do what fallocate(2) wants. Asked with all that a write changes,
 * since the kernel goes on believing the mode alone for as long as it may.
 */
function hasSetId(fd: number): boolean {
  return statx(fd, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS, stat) === 0 && (stat.mode & 0o6000) !== 0;
}

/** Where the kernel writes by itself, root's writes take the bits too (docs/semantics.md, passthrough). */
const losesSetId = (fd: number): boolean => isAsked('passthrough=upper') && hasSetId(fd);

const EXTRA = [
  O_TRUNC,
  O_TRUNC,
  O_APPEND,
  O_APPEND,
  O_EXCL,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_NOATIME,
  O_SYNC,
  O_PATH,
];

/** Where data lie is the file system's affair: the position goes back, so that what follows happens in the same place on both sides. */
function seek(fd: number, offset: number, whence: number): number | bigint {
  const before = lseek(fd, 0, SEEK_CUR);
  const position = lseek(fd, offset, whence);
  if (whence === SEEK_DATA || whence === SEEK_HOLE) lseek(fd, before, SEEK_SET);
  return position;
}

/** SEEK_DATA and SEEK_HOLE answer what the file system stores now, which a copy may store otherwise, and a file in a moment too. */
function seekOutcome(position: number | bigint, whence: number): string {
  const stored = whence === SEEK_DATA || whence === SEEK_HOLE;
  return stored && (position >= 0 || position === -ENXIO) ? 'somewhere or nowhere' : say(position);
}

export const fileCalls = {
  open: {
    weight: 18,
    make: (g) => {
      const { random } = g;
      // A FIFO would wait for its other end.
      let flags = O_NONBLOCK | O_CLOEXEC | random.pick([0, 0, 1, 2, 2]);
      if (random.chance(45)) flags |= O_CREAT;
      for (let more = random.below(3); more > 0; more--) flags |= random.chance(60) ? random.pick(EXTRA) : 0;
      const path = random.chance(12) ? g.directory() : random.chance(70) ? g.file() : g.fresh();
      return { targets: [path], slots: [g.slot()], numbers: [flags, g.mode()] };
    },
    run: (side, { targets: [path], slots: [slot], numbers: [flags = 0, mode = 0] }) =>
      side.keep(slot, open(side.path(path), flags, mode)),
  },
  /** The same object opened again, which works without a name. */
  reopen: {
    weight: 3,
    make: (g) => ({
      slots: [g.used(), g.slot()],
      numbers: [O_NONBLOCK | O_CLOEXEC | g.random.pick([0, 1, 2, O_TRUNC | 2])],
    }),
    run: (side, { slots: [from, to], numbers: [flags = 0] }) =>
      side.slot(from, (fd) => side.keep(to, open(procPath(fd), flags))),
  },
  close: {
    weight: 3,
    make: (g) => ({ slots: [g.used()] }),
    run: (side, { slots: [slot] }) => say(side.drop(slot ?? 0)),
  },
  read: {
    weight: 5,
    make: (g) => ({ slots: [g.used()], numbers: [g.length()] }),
    run: (side, { slots: [slot], numbers: [length = 0] }) =>
      side.slot(slot, (fd) => (isDirectory(fd) ? 'a directory' : digest(buffer, read(fd, buffer, length)))),
  },
  pread: {
    weight: 6,
    make: (g) => ({
      slots: [g.used()],
      numbers: [g.random.chance(30) ? buffer.length : g.length(), g.offset()],
    }),
    run: (side, { slots: [slot], numbers: [length = 0, offset = 0] }) =>
      side.slot(slot, (fd) => digest(buffer, pread(fd, buffer, length, offset))),
  },
  write: {
    weight: 7,
    make: (g) => ({ slots: [g.used()], numbers: [g.length(), g.random.below(251)] }),
    run: (side, { slots: [slot], numbers: [length = 0, salt = 0] }) =>
      side.slot(slot, (fd) =>
        losesSetId(fd) ? 'a set-id file' : say(write(fd, salted(salt, length), length)),
      ),
  },
  pwrite: {
    weight: 7,
    make: (g) => ({
      slots: [g.used()],
      numbers: [g.length(), g.random.chance(2) ? -1 : g.offset(), g.random.below(251)],
    }),
    run: (side, { slots: [slot], numbers: [length = 0, offset = 0, salt = 0] }) =>
      side.slot(slot, (fd) =>
        losesSetId(fd) ? 'a set-id file' : say(pwrite(fd, salted(salt, length), length, offset)),
      ),
  },
  lseek: {
    weight: 2,
    make: (g) => ({
      slots: [g.used()],
      numbers: [
        g.random.chance(10) ? -g.offset() : g.offset(),
        g.random.pick([SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA, SEEK_HOLE, 77]),
      ],
    }),
    run: (side, { slots: [slot], numbers: [offset = 0, whence = 0] }) =>
      side.slot(slot, (fd) =>
        isDirectory(fd) ? 'a directory' : seekOutcome(seek(fd, offset, whence), whence),
      ),
  },
  truncate: {
    weight: 4,
    make: (g) => ({ targets: [g.file()], numbers: [g.random.chance(2) ? -1 : g.offset()] }),
    run: (side, { targets: [path], numbers: [size = 0] }) => say(truncate(side.path(path), size)),
  },
  ftruncate: {
    weight: 3,
    make: (g) => ({ slots: [g.used()], numbers: [g.random.chance(2) ? -1 : g.offset()] }),
    run: (side, { slots: [slot], numbers: [size = 0] }) => side.slot(slot, (fd) => say(ftruncate(fd, size))),
  },
  fallocate: {
    weight: 4,
    make: (g) => ({
      slots: [g.used()],
      numbers: [
        g.random.pick([
          0,
          FALLOC_FL_KEEP_SIZE,
          FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE,
          FALLOC_FL_ZERO_RANGE,
          FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
          FALLOC_FL_PUNCH_HOLE,
        ]),
        g.offset(),
        g.length(),
      ],
    }),
    run: (side, { slots: [slot], numbers: [mode = 0, offset = 0, length = 0] }) =>
      side.slot(slot, (fd) => (hasSetId(fd) ? 'a set-id file' : say(fallocate(fd, mode, offset, length)))),
  },
  copyFileRange: {
    weight: 3,
    make: (g) => ({ slots: [g.used(), g.used()], numbers: [g.offset(), g.offset(), g.length()] }),
    run: (side, { slots: [from, to], numbers: [offIn = 0, offOut = 0, length = 0] }) =>
      side.slot(from, (input) =>
        side.slot(to, (output) => say(copyFileRange(input, offIn, output, offOut, length))),
      ),
  },
  fsync: {
    weight: 1,
    make: (g) => ({ slots: [g.used()] }),
    run: (side, { slots: [slot] }) => side.slot(slot, (fd) => say(fsync(fd))),
  },
} satisfies Record<string, CallRow>;
