// What can be relied on of the storage that holds a file: known by its magic number (linux/magic.h, and the storages' own headers).

import { fstatfs, StatFs } from '../sys/statfs.ts';

/** And ext2, and ext3. */
export const EXT4 = 0xef53;
export const XFS = 0x58465342;
export const TMPFS = 0x01021994;

/** These, Btrfs and F2FS: none of them has a `flush` among its file operations (linux/fs.h). */
const LOCAL: readonly number[] = [EXT4, XFS, 0x9123683e, TMPFS, 0xf2f52010];

/** NFS, Lustre, Ceph, Spectrum Scale, BeeGFS, GFS2, OCFS2, ZFS: a file that is opened shows its time of change as its server has it. */
const SHARED: readonly number[] = [
  0x6969, 0x0bd00bd0, 0x00c36400, 0x47504653, 0x19830326, 0x01161970, 0x7461636f, 0x2fc12fc1,
];

const storage = new StatFs();

// A file need not lie on the file system of its layer's root.
const isOn = (fd: number, kinds: readonly number[]) =>
  fstatfs(fd, storage) === 0 && kinds.includes(storage.type);

/**
 * Whether errors may wait for close(2), as they do on network file systems that could not write. The kernel asks for them at each close,
 * which a program waits for; a file of a local file system, which has nothing to say then, spares it.
 * @param fd an open file
 */
export function mayFailAtClose(fd: number): boolean {
  return !isOn(fd, LOCAL);
}

/** Whether whatever changes a file's content changes its ctime, which nobody can set back: sshfs, for one, has none. */
export function tellsOfChanges(fd: number): boolean {
  return isOn(fd, LOCAL) || isOn(fd, SHARED);
}
