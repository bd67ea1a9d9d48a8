// The requests for file flags that chattr(1) and xfs_io(8) make: linux/fs.h, ioctl_iflags(2), ioctl_xfs_fsgetxattr(2). They need a file or
// directory that is open, not by O_PATH (-EBADF); -ENOTTY or -EOPNOTSUPP where a file system has no such thing.
import { ioctl } from './copy.ts';

// As on the 64-bit architectures, and as 32-bit programs say it. The numbers say long, but what is passed is an int.
export const FS_IOC_GETFLAGS = 0x8008_6601;
export const FS_IOC32_GETFLAGS = 0x8004_6601;
export const FS_IOC_SETFLAGS = 0x4008_6602;
export const FS_IOC32_SETFLAGS = 0x4004_6602;
export const FS_IOC_GETVERSION = 0x8008_7601;
export const FS_IOC32_GETVERSION = 0x8004_7601;
/** With a struct fsxattr, 28 bytes. */
export const FS_IOC_FSGETXATTR = 0x801c_581f;
export const FS_IOC_FSSETXATTR = 0x401c_5820;

// Of FS_IOC_GETFLAGS: FS_*_FL
export const FS_COMPR_FL = 0x0000_0004;
export const FS_SYNC_FL = 0x0000_0008;
export const FS_IMMUTABLE_FL = 0x0000_0010;
export const FS_APPEND_FL = 0x0000_0020;
export const FS_NODUMP_FL = 0x0000_0040;
export const FS_NOATIME_FL = 0x0000_0080;
export const FS_NOCOMP_FL = 0x0000_0400;
export const FS_DIRSYNC_FL = 0x0001_0000;
export const FS_NOCOW_FL = 0x0080_0000;

// Of struct fsxattr
export const FS_XFLAG_IMMUTABLE = 0x08;
export const FS_XFLAG_APPEND = 0x10;
export const FS_XFLAG_PROJINHERIT = 0x200;

const word = new Int32Array(new ArrayBuffer(8));
const wordBytes = new Uint8Array(word.buffer);

/** The FS_*_FL bits, or a negative errno. Their uppermost bit is dropped: it is a file system's own and never set by anybody. */
export function getFileFlags(fd: number): number {
  word.fill(0);
  const result = ioctl(fd, FS_IOC_GETFLAGS, wordBytes);
  return result < 0 ? result : (word[0] as number) & 0x7fff_ffff;
}

/** 0, or -EOPNOTSUPP for a flag that the file system does not have, -EPERM for one that the caller may not change. */
export function setFileFlags(fd: number, flags: number): number {
  word[0] = flags;
  word[1] = 0;
  return ioctl(fd, FS_IOC_SETFLAGS, wordBytes);
}

const attributes = new Uint32Array(28 / 4); // struct fsxattr, whose first word is the FS_XFLAG_* bits
const attributesBytes = new Uint8Array(attributes.buffer);

/** What is made in a directory from now on is in no quota project of its. 0, or a negative errno. */
export function leaveProject(dir: number): number {
  const known = ioctl(dir, FS_IOC_FSGETXATTR, attributesBytes);
  const flags = attributes[0] as number;
  if (known < 0 || (flags & FS_XFLAG_PROJINHERIT) === 0) return known;
  attributes[0] = flags & ~FS_XFLAG_PROJINHERIT;
  return ioctl(dir, FS_IOC_FSSETXATTR, attributesBytes);
}
