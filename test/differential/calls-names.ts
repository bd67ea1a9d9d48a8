// Calls on names: making, removing, renaming, linking, and looking.

import { errnoName } from '../../protocol/errno.ts';
import {
  AT_EACCESS,
  AT_FDCWD,
  AT_REMOVEDIR,
  AT_SYMLINK_FOLLOW,
  AT_SYMLINK_NOFOLLOW,
  O_DIRECTORY,
  O_RDONLY,
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
  S_IFIFO,
  S_IFREG,
  S_IFSOCK,
  STATX_BASIC_STATS,
} from '../../src/sys/constants.ts';
import { umask } from '../../src/sys/credentials.ts';
import { DirentCursor } from '../../src/sys/dirents.ts';
import { close, getdents, lseek, open } from '../../src/sys/fd.ts';
import {
  faccessat,
  linkat,
  mkdirat,
  mknodat,
  readlinkat,
  renameat2,
  statx,
  symlinkat,
  unlinkat,
} from '../../src/sys/path.ts';
import { Stat } from '../../src/sys/stat.ts';
import type { CallRow } from './calls.ts';
import { bytes, NAMES, text } from './names.ts';
import { say, tell } from './side.ts';

const stat = new Stat();
const buffer = new Uint8Array(8192);
const cursor = new DirentCursor(new Uint8Array(4096));

/** The names of an open directory, from its start, sorted, with their types. */
function listOpen(fd: number): string {
  const names: string[] = [];
  const start = lseek(fd, 0, 0);
  if (start < 0) return say(start);
  for (;;) {
    const count = getdents(fd, cursor.bytes);
    if (count < 0) return say(count);
    if (count === 0) break;
    cursor.load(count);
    while (cursor.next()) names.push(`${text(cursor.name.subarray(0, -1))}:${cursor.type}`);
  }
  return names.sort().join(' ');
}

/** Link targets never lead up, nor to the root itself, so that no operation leaves the directories that are compared. */
const LINK_TARGETS = [...NAMES, 'a/b', 'b/c/a', 'd/a', 'nowhere', '', 'x'.repeat(4095), 'x'.repeat(4096)];

export const nameCalls = {
  mkdir: {
    weight: 7,
    make: (g) => ({ targets: [g.fresh()], numbers: [g.mode()] }),
    run: (side, { targets: [path], numbers: [mode = 0] }) => say(mkdirat(AT_FDCWD, side.path(path), mode)),
  },
  mknod: {
    weight: 3,
    make: (g) => ({
      targets: [g.fresh()],
      numbers: [g.random.pick([S_IFIFO, S_IFREG, S_IFSOCK, 0]), g.mode()],
    }),
    run: (side, { targets: [path], numbers: [type = 0, mode = 0] }) =>
      say(mknodat(AT_FDCWD, side.path(path), type | mode, 0)),
  },
  symlink: {
    weight: 5,
    make: (g) => ({ targets: [g.fresh()], text: g.random.pick(LINK_TARGETS) }),
    run: (side, { targets: [path], text: to }) => say(symlinkat(bytes(to), AT_FDCWD, side.path(path))),
  },
  link: {
    weight: 9,
    make: (g) => ({
      targets: [g.random.chance(60) ? g.file() : g.old(), g.fresh()],
      numbers: [g.random.pick([0, 0, AT_SYMLINK_FOLLOW])],
    }),
    run: (side, { targets: [from, to], numbers: [flags = 0] }) =>
      say(linkat(AT_FDCWD, side.path(from), AT_FDCWD, side.path(to), flags)),
  },
  unlink: {
    weight: 9,
    make: (g) => ({ targets: [g.old()] }),
    run: (side, { targets: [path] }) => say(unlinkat(AT_FDCWD, side.path(path), 0)),
  },
  rmdir: {
    weight: 6,
    make: (g) => ({ targets: [g.directory()] }),
    run: (side, { targets: [path] }) =>
      path?.path === '' ? 'the root stays' : say(unlinkat(AT_FDCWD, side.path(path), AT_REMOVEDIR)),
  },
  rename: {
    weight: 22,
    make: (g) => ({
      targets: [
        g.random.pick([g.directory(), g.file(), g.old()]),
        g.random.pick([g.old(), g.file(), g.fresh(), g.fresh()]),
      ],
      numbers: [
        g.random.chance(20) ? RENAME_NOREPLACE : g.random.chance(2) ? RENAME_NOREPLACE | RENAME_EXCHANGE : 0,
      ],
    }),
    run: (side, { targets: [from, to], numbers: [flags = 0] }) =>
      from?.path === '' || to?.path === ''
        ? 'the root stays'
        : say(renameat2(AT_FDCWD, side.path(from), AT_FDCWD, side.path(to), flags)),
  },
  readlink: {
    weight: 3,
    make: (g) => ({ targets: [g.link()], numbers: [g.random.pick([8000, 8000, 3, 0])] }),
    run: (side, { targets: [path], numbers: [size = 0] }) => {
      const length = readlinkat(AT_FDCWD, side.path(path), buffer, size);
      return length < 0 ? say(length) : text(buffer.subarray(0, length));
    },
  },
  stat: {
    weight: 8,
    make: (g) => ({ targets: [g.old()], numbers: [g.random.pick([0, AT_SYMLINK_NOFOLLOW])] }),
    run: (side, { targets: [path], numbers: [flags = 0] }) => {
      const result = statx(AT_FDCWD, side.path(path), flags, STATX_BASIC_STATS, stat);
      return result < 0 ? say(result) : tell(stat);
    },
  },
  access: {
    weight: 4,
    make: (g) => ({ targets: [g.old()], numbers: [g.random.below(8), g.random.pick([0, AT_EACCESS])] }),
    run: (side, { targets: [path], numbers: [mode = 0, flags = 0] }) =>
      say(faccessat(AT_FDCWD, side.path(path), mode, flags)),
  },
  readdir: {
    weight: 6,
    make: (g) => ({ targets: [g.directory()] }),
    run: (side, { targets: [path] }) => {
      const fd = open(side.path(path), O_RDONLY | O_DIRECTORY);
      if (fd < 0) return errnoName(fd);
      const listing = listOpen(fd);
      close(fd);
      return listing;
    },
  },
  rewinddir: {
    weight: 3,
    make: (g) => ({ slots: [g.used()] }),
    run: (side, { slots: [slot] }) => side.slot(slot, listOpen),
  },
  umask: {
    weight: 1,
    make: (g) => ({ numbers: [g.random.pick([0o022, 0o022, 0, 0o077, 0o027])] }),
    run: (_side, { numbers: [mask = 0] }) => {
      umask(mask);
      return 'ok';
    },
  },
} satisfies Record<string, CallRow>;
