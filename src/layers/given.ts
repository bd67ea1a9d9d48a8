// What a copy has before it has its name: what is different of it afterwards has been changed by its users.

import { AT_EMPTY_PATH, STATX_BASIC_STATS } from '../sys/constants.ts';
import { type CString, cstring, cstringOf, EMPTY } from '../sys/cstring.ts';
import { procPath, statx } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { getxattr, listxattr, XATTR_MAX, xattrNames } from '../sys/xattr.ts';

const bytes = new Uint8Array(XATTR_MAX);

/** Value of an attribute, as text of its bytes; undefined when it cannot be had. */
export function xattrOf(fd: number, name: CString): string | undefined {
  const size = getxattr(procPath(fd), name, bytes, XATTR_MAX);
  return size < 0 ? undefined : Buffer.from(bytes.subarray(0, size)).toString('latin1');
}

/** The names of what a descriptor holds, as text of their bytes. */
export function xattrNamesOf(fd: number): string[] {
  const length = listxattr(procPath(fd), bytes, XATTR_MAX);
  return Array.from(xattrNames(bytes, length), (name) =>
    Buffer.from(name.subarray(0, -1)).toString('latin1'),
  );
}

export const nameOf = (text: string): CString => cstringOf(Buffer.from(text, 'latin1'));

export const ACCESS_ACL = 'system.posix_acl_access';

export class Given {
  readonly stat = new Stat();
  readonly #xattrs: ReadonlyMap<string, string | undefined>;

  private constructor(fd: number) {
    this.#xattrs = new Map(xattrNamesOf(fd).map((name) => [name, xattrOf(fd, nameOf(name))]));
  }

  /** @param fd of the copy, O_PATH or not. @returns it, or a negative errno */
  static of(fd: number): Given | number {
    const given = new Given(fd);
    const result = statx(fd, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS, given.stat);
    return result < 0 ? result : given;
  }

  has(name: string, value: string | undefined): boolean {
    return this.#xattrs.get(name) === value;
  }

  get names(): Iterable<string> {
    return this.#xattrs.keys();
  }

  /** Whether users have left the mode alone; an ACL has a part of it. */
  hasMode({ mode }: Stat, fd: number): boolean {
    return mode === this.stat.mode && this.has(ACCESS_ACL, xattrOf(fd, cstring(ACCESS_ACL)));
  }
}
