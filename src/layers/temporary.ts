// A copy that nobody can see until it is whole. O_TMPFILE in the target directory where the layer has it (it takes the directory's
// quota project and vanishes in a crash), else a name of its own in our private directory; either becomes visible by one exclusive step.

import { EINVAL, EISDIR, ENOENT, EOPNOTSUPP, EPERM } from '../../protocol/errno.ts';
import {
  AT_FDCWD,
  AT_REMOVEDIR,
  AT_SYMLINK_FOLLOW,
  O_CLOEXEC,
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_RDWR,
  O_TMPFILE,
  S_IFDIR,
  S_IFLNK,
  S_IFREG,
} from '../sys/constants.ts';
import { type CString, cstring, EMPTY } from '../sys/cstring.ts';
import { close, dupCloexec, openat } from '../sys/fd.ts';
import { linkat, mkdirat, mknodat, procPath, readlinkat, symlinkat, unlinkat } from '../sys/path.ts';
import type { Stat } from '../sys/stat.ts';
import { asEither } from './either.ts';
import type { FileSystem } from './filesystem.ts';
import { moveNew, moveNewDirectory } from './movenew.ts';
import { exposedName, openPrivateOf, privateName } from './private.ts';

/** An unpublished object. `fd` is open for reading and writing (regular files) or O_PATH (all else). */
export interface Temporary {
  readonly fd: number;
  /** Our private directory and the name in it; absent for O_TMPFILE. */
  readonly named?: { readonly dir: number; readonly name: CString };
  readonly type: number;
}

const DOT = cstring('.');
const MODE = 0o600;
const TARGET_MAX = 4096;

/**
 * Makes an empty object of the type of `stat`, mode 0600 (directories 0700), to be published in `dir` of `layer`. The caller, unless he is the
 * daemon, makes it in `dir`, seen by who lists that, under a name that begins with `.migratefs.`.
 * @param source a descriptor of what is to be made again, by which a symlink is read: its name may be another object's by now. @returns it, or a negative errno.
 */
export function makeTemporary(
  fs: FileSystem,
  layer: number,
  dir: number,
  stat: Stat,
  source: number,
): Temporary | number {
  if (stat.type === S_IFREG) {
    const fd = openat(dir, DOT, O_TMPFILE | O_RDWR | O_CLOEXEC, MODE);
    if (fd >= 0) return { fd, type: S_IFREG };
    // What the kernels and file systems without O_TMPFILE answer (open(2)); EPERM is ext4 in a directory that has been removed, which the
    // publishing finds out.
    if (fd !== -EOPNOTSUPP && fd !== -EISDIR && fd !== -ENOENT && fd !== -EINVAL && fd !== -EPERM) return fd;
  }
  const { isDaemon } = fs.caller;
  const work = isDaemon ? openPrivateOf(fs, layer, 'work') : dupCloexec(dir);
  if (work < 0) return work;
  const name = isDaemon ? privateName(fs) : exposedName(fs);
  const fd = makeNamed(fs, work, name, stat, source);
  if (fd >= 0) return { fd, named: { dir: work, name }, type: stat.type };
  close(work);
  return fd;
}

function makeNamed(fs: FileSystem, work: number, name: CString, stat: Stat, source: number): number {
  if (stat.type === S_IFREG)
    return openat(work, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, MODE);
  const made = makeSpecial(fs, work, name, stat, source);
  if (made < 0) return made;
  const fd = openat(work, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) unlinkat(work, name, stat.type === S_IFDIR ? AT_REMOVEDIR : 0);
  return fd;
}

function makeSpecial(fs: FileSystem, work: number, name: CString, stat: Stat, source: number): number {
  if (stat.type === S_IFDIR) return mkdirat(work, name, 0o700);
  if (stat.type !== S_IFLNK) return mknodat(work, name, stat.type | MODE, stat.rdev);
  const target = new Uint8Array(TARGET_MAX + 1);
  const length = asEither(fs, () => readlinkat(source, EMPTY, target, TARGET_MAX));
  return length < 0 ? length : symlinkat(target.subarray(0, length + 1), work, name);
}

/**
 * Gives the object its name, unless the name is taken.
 * @returns 0, -EEXIST when another thread or host was first, or a negative errno; the temporary is left to `dropTemporary`.
 */
export function publish(temporary: Temporary, dir: number, name: CString): number {
  const { named } = temporary;
  if (!named) return linkat(AT_FDCWD, procPath(temporary.fd), dir, name, AT_SYMLINK_FOLLOW);
  const move = temporary.type === S_IFDIR ? moveNewDirectory : moveNew;
  return move(named.dir, named.name, dir, name);
}

/** Closes what a temporary holds, and removes it where it has not been published. */
export function dropTemporary(temporary: Temporary, published: boolean): void {
  close(temporary.fd);
  const { named } = temporary;
  if (!named) return;
  if (!published) unlinkat(named.dir, named.name, temporary.type === S_IFDIR ? AT_REMOVEDIR : 0);
  close(named.dir);
}
