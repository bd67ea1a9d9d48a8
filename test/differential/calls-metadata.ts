// Calls on metadata, by path and by descriptor.

import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  S_IFIFO,
  STATX_BASIC_STATS,
  XATTR_CREATE,
  XATTR_REPLACE,
} from '../../src/sys/constants.ts';
import { EMPTY } from '../../src/sys/cstring.ts';
import { chmod, fchmod, fchown, fchownat, futimens, statx, utimensat } from '../../src/sys/path.ts';
import { Stat } from '../../src/sys/stat.ts';
import { ATIME, MTIME, TimeSpecs } from '../../src/sys/times.ts';
import {
  fgetxattr,
  flistxattr,
  fremovexattr,
  fsetxattr,
  getxattr,
  lgetxattr,
  listxattr,
  llistxattr,
  lremovexattr,
  lsetxattr,
  removexattr,
  setxattr,
} from '../../src/sys/xattr.ts';
import type { CallRow } from './calls.ts';
import type { Chooser } from './chooser.ts';
import { bytes, SHARED_GROUP, text } from './names.ts';
import { say, tell, when } from './side.ts';

const stat = new Stat();
const times = new TimeSpecs();
const buffer = new Uint8Array(65536);
const KEEP = 0xffff_ffff;

/** Never both kept: then the kernel takes set-id bits away from a file, and tells no other file system of it. */
function owners(g: Chooser): [number, number] {
  const uid = g.random.pick([0, 1001, 1002, KEEP, 1001]);
  const gids = [0, 1001, 1002, SHARED_GROUP];
  return [uid, g.random.pick(uid === KEEP ? gids : [...gids, KEEP])];
}

const setTimes = ([aSec = 0, aNsec = 0, mSec = 0, mNsec = 0]: number[]): TimeSpecs =>
  times.set(ATIME, aSec, aNsec).set(MTIME, mSec, mNsec);

/** Names of a list, sorted: their order is the file system's own. */
export function xattrNames(length: number, list: Uint8Array): string {
  return length < 0 ? say(length) : text(list.subarray(0, length)).split('\0').sort().join(' ').trim();
}

const shownValue = (length: number, size: number): string =>
  length < 0 || size === 0 ? say(length) : text(buffer.subarray(0, length));

const flagsOf = (g: Chooser): number => g.random.pick([0, 0, XATTR_CREATE, XATTR_REPLACE]);
const valueFor = (g: Chooser): number => g.random.pick([0, 1, 20, 200, 200, 3000]);

/** By path, following a symlink at its end or not; and what is then seen of it at once: a directory's times are compared here only. */
export const metadataCalls = {
  chmod: {
    weight: 6,
    make: (g) => ({ targets: [g.old()], numbers: [g.mode()] }),
    run: (side, { targets: [path], numbers: [mode = 0] }) => say(chmod(side.path(path), mode)),
  },
  chown: {
    weight: 5,
    make: (g) => ({ targets: [g.old()], numbers: [...owners(g), g.random.pick([0, AT_SYMLINK_NOFOLLOW])] }),
    run: (side, { targets: [path], numbers: [uid = 0, gid = 0, flags = 0] }) =>
      say(fchownat(AT_FDCWD, side.path(path), uid, gid, flags)),
  },
  utimens: {
    weight: 5,
    make: (g) => ({
      targets: [g.old()],
      numbers: [...g.time(), ...g.time(), g.random.pick([0, AT_SYMLINK_NOFOLLOW])],
    }),
    run: (side, { targets: [path], numbers }) => {
      const flags = numbers[4] ?? 0;
      const result = utimensat(AT_FDCWD, side.path(path), setTimes(numbers), flags);
      if (result < 0) return say(result);
      const seen = statx(AT_FDCWD, side.path(path), flags, STATX_BASIC_STATS, stat);
      // A time that was left alone is what it was, which of a directory or a FIFO need not be the same.
      return seen < 0
        ? say(seen)
        : stat.type === S_IFIFO || (stat.isDirectory && numbers[3] === 0x3fff_fffe)
          ? 'ok'
          : when(stat);
    },
  },
  setxattr: {
    weight: 5,
    make: (g) => ({
      targets: [g.old()],
      numbers: [valueFor(g), g.random.below(251), flagsOf(g), g.random.below(2)],
      text: g.xattr(),
    }),
    run: (side, { targets: [path], numbers: [size = 0, salt = 0, flags = 0, nofollow], text: name }) => {
      const call = nofollow ? lsetxattr : setxattr;
      return say(call(side.path(path), bytes(name), buffer.fill(salt, 0, size), size, flags));
    },
  },
  getxattr: {
    weight: 3,
    make: (g) => ({
      targets: [g.old()],
      numbers: [g.random.pick([65536, 65536, 0, 5]), g.random.below(2)],
      text: g.xattr(),
    }),
    run: (side, { targets: [path], numbers: [size = 0, nofollow], text: name }) => {
      const call = nofollow ? lgetxattr : getxattr;
      return shownValue(call(side.path(path), bytes(name), buffer, size), size);
    },
  },
  listxattr: {
    weight: 3,
    make: (g) => ({ targets: [g.old()], numbers: [g.random.below(2)] }),
    run: (side, { targets: [path], numbers: [nofollow] }) => {
      const call = nofollow ? llistxattr : listxattr;
      return xattrNames(call(side.path(path), buffer, buffer.length), buffer);
    },
  },
  removexattr: {
    weight: 3,
    make: (g) => ({ targets: [g.old()], numbers: [g.random.below(2)], text: g.xattr() }),
    run: (side, { targets: [path], numbers: [nofollow], text: name }) => {
      const call = nofollow ? lremovexattr : removexattr;
      return say(call(side.path(path), bytes(name)));
    },
  },
  fstat: {
    weight: 5,
    make: (g) => ({ slots: [g.used()] }),
    run: (side, { slots: [slot] }) =>
      side.slot(slot, (fd) => {
        const result = statx(fd, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS, stat);
        return result < 0 ? say(result) : tell(stat);
      }),
  },
  fchmod: {
    weight: 3,
    make: (g) => ({ slots: [g.used()], numbers: [g.mode()] }),
    run: (side, { slots: [slot], numbers: [mode = 0] }) => side.slot(slot, (fd) => say(fchmod(fd, mode))),
  },
  fchown: {
    weight: 2,
    make: (g) => ({ slots: [g.used()], numbers: owners(g) }),
    run: (side, { slots: [slot], numbers: [uid = 0, gid = 0] }) =>
      side.slot(slot, (fd) => say(fchown(fd, uid, gid))),
  },
  futimens: {
    weight: 2,
    make: (g) => ({ slots: [g.used()], numbers: [...g.time(), ...g.time()] }),
    run: (side, { slots: [slot], numbers }) => side.slot(slot, (fd) => say(futimens(fd, setTimes(numbers)))),
  },
  fsetxattr: {
    weight: 2,
    make: (g) => ({
      slots: [g.used()],
      numbers: [valueFor(g), g.random.below(251), flagsOf(g)],
      text: g.xattr(),
    }),
    run: (side, { slots: [slot], numbers: [size = 0, salt = 0, flags = 0], text: name }) =>
      side.slot(slot, (fd) => say(fsetxattr(fd, bytes(name), buffer.fill(salt, 0, size), size, flags))),
  },
  fgetxattr: {
    weight: 2,
    make: (g) => ({ slots: [g.used()], text: g.xattr() }),
    run: (side, { slots: [slot], text: name }) =>
      side.slot(slot, (fd) => shownValue(fgetxattr(fd, bytes(name), buffer, buffer.length), 1)),
  },
  flistxattr: {
    weight: 1,
    make: (g) => ({ slots: [g.used()] }),
    run: (side, { slots: [slot] }) =>
      side.slot(slot, (fd) => xattrNames(flistxattr(fd, buffer, buffer.length), buffer)),
  },
  fremovexattr: {
    weight: 1,
    make: (g) => ({ slots: [g.used()], text: g.xattr() }),
    run: (side, { slots: [slot], text: name }) => side.slot(slot, (fd) => say(fremovexattr(fd, bytes(name)))),
  },
} satisfies Record<string, CallRow>;
