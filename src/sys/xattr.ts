// Extended attributes, by path and by descriptor. Results as in the man page of the same name in section 2: a length, 0, or a negative
// errno. `size` 0 asks for the length only; -ERANGE when a value is longer than `size`. An O_PATH descriptor takes no f… call:
// use `procPath(fd)`, which reaches a symlink's own attributes too.
import { type CString, terminated } from './cstring.ts';
import { bind, outcome, within } from './libc.ts';

/** Bytes of the longest value and of the longest list of names: XATTR_SIZE_MAX and XATTR_LIST_MAX, linux/limits.h. */
export const XATTR_MAX = 65536;

type Get<On> = (on: On, name: CString, bytes: Uint8Array, size: number) => number;
type Set<On> = (on: On, name: CString, bytes: Uint8Array, size: number, flags: number) => number;
type List<On> = (on: On, bytes: Uint8Array, size: number) => number;
type Remove<On> = (on: On, name: CString) => number;

const c_getxattr = bind<Get<CString>>('int64_t getxattr(void*, void*, void*, size_t)');
const c_lgetxattr = bind<Get<CString>>('int64_t lgetxattr(void*, void*, void*, size_t)');
const c_fgetxattr = bind<Get<number>>('int64_t fgetxattr(int, void*, void*, size_t)');
const c_setxattr = bind<Set<CString>>('int setxattr(void*, void*, void*, size_t, int)');
const c_lsetxattr = bind<Set<CString>>('int lsetxattr(void*, void*, void*, size_t, int)');
const c_fsetxattr = bind<Set<number>>('int fsetxattr(int, void*, void*, size_t, int)');
const c_listxattr = bind<List<CString>>('int64_t listxattr(void*, void*, size_t)');
const c_llistxattr = bind<List<CString>>('int64_t llistxattr(void*, void*, size_t)');
const c_flistxattr = bind<List<number>>('int64_t flistxattr(int, void*, size_t)');
const c_removexattr = bind<Remove<CString>>('int removexattr(void*, void*)');
const c_lremovexattr = bind<Remove<CString>>('int lremovexattr(void*, void*)');
const c_fremovexattr = bind<Remove<number>>('int fremovexattr(int, void*)');

/** The value's length. */
export function getxattr(path: CString, name: CString, bytes: Uint8Array, size: number): number {
  return outcome(c_getxattr(terminated(path), terminated(name), bytes, within(bytes, size)));
}
export function lgetxattr(path: CString, name: CString, bytes: Uint8Array, size: number): number {
  return outcome(c_lgetxattr(terminated(path), terminated(name), bytes, within(bytes, size)));
}
export function fgetxattr(fd: number, name: CString, bytes: Uint8Array, size: number): number {
  return outcome(c_fgetxattr(fd, terminated(name), bytes, within(bytes, size)));
}

/** `flags`: 0, XATTR_CREATE (-EEXIST if it is there) or XATTR_REPLACE (-ENODATA if it isn't). */
export function setxattr(
  path: CString,
  name: CString,
  bytes: Uint8Array,
  size: number,
  flags: number,
): number {
  return outcome(c_setxattr(terminated(path), terminated(name), bytes, within(bytes, size), flags));
}
export function lsetxattr(
  path: CString,
  name: CString,
  bytes: Uint8Array,
  size: number,
  flags: number,
): number {
  return outcome(c_lsetxattr(terminated(path), terminated(name), bytes, within(bytes, size), flags));
}
export function fsetxattr(fd: number, name: CString, bytes: Uint8Array, size: number, flags: number): number {
  return outcome(c_fsetxattr(fd, terminated(name), bytes, within(bytes, size), flags));
}

/** The length of the list: names, each with its NUL, one after the other. */
export function listxattr(path: CString, bytes: Uint8Array, size: number): number {
  return outcome(c_listxattr(terminated(path), bytes, within(bytes, size)));
}
export function llistxattr(path: CString, bytes: Uint8Array, size: number): number {
  return outcome(c_llistxattr(terminated(path), bytes, within(bytes, size)));
}
export function flistxattr(fd: number, bytes: Uint8Array, size: number): number {
  return outcome(c_flistxattr(fd, bytes, within(bytes, size)));
}

export function removexattr(path: CString, name: CString): number {
  return outcome(c_removexattr(terminated(path), terminated(name)));
}
export function lremovexattr(path: CString, name: CString): number {
  return outcome(c_lremovexattr(terminated(path), terminated(name)));
}
export function fremovexattr(fd: number, name: CString): number {
  return outcome(c_fremovexattr(fd, terminated(name)));
}

/** The names, with their NULs, in what `listxattr` gave: views of `list`. @param length of it, or a negative errno: then there are none */
export function* xattrNames(list: Uint8Array, length: number): Generator<Uint8Array> {
  for (let start = 0; start < length; ) {
    const end = list.indexOf(0, start) + 1;
    if (end === 0 || end > length) return;
    yield list.subarray(start, end);
    start = end;
  }
}
