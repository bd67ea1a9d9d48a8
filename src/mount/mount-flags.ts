/**
 * Flags of mount(2) and umount2(2), from include/uapi/linux/mount.h, and their names as fusermount3 takes them.
 */
export const MS = {
  RDONLY: 1,
  NOSUID: 2,
  NODEV: 4,
  NOEXEC: 8,
  SYNCHRONOUS: 16,
  DIRSYNC: 128,
  NOATIME: 1024,
  NODIRATIME: 2048,
  RELATIME: 1 << 21,
  STRICTATIME: 1 << 24,
  LAZYTIME: 1 << 25,
} as const;

export const MNT_DETACH = 2;
export const UMOUNT_NOFOLLOW = 8;

// fusermount3 knows these; relatime is the kernel's default, and the others it refuses.
const FUSERMOUNT: readonly [number, string][] = [
  [MS.RDONLY, 'ro'],
  [MS.NOSUID, 'nosuid'],
  [MS.NODEV, 'nodev'],
  [MS.NOEXEC, 'noexec'],
  [MS.SYNCHRONOUS, 'sync'],
  [MS.DIRSYNC, 'dirsync'],
  [MS.NOATIME, 'noatime'],
];

/** The option words for fusermount3. Of strictatime, lazytime and nodiratime it knows nothing: they are left out. */
export function fusermountFlags(flags: number): string[] {
  return FUSERMOUNT.filter(([bit]) => (flags & bit) !== 0).map(([, word]) => word);
}

/** Of a mount, as mount(8) and /proc/self/mountinfo name it. */
export const FS_TYPE = 'fuse.migratefs';
