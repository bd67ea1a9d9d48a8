// Mounts and mount namespaces: 0 or a negative errno, see mount(2), umount(2), setns(2).
import { AT_EMPTY_PATH } from './constants.ts';
import { type CString, EMPTY, terminated } from './cstring.ts';
import { bind, outcome } from './libc.ts';

const c_mount = bind<
  (source: CString, target: CString, fstype: CString | null, flags: number, data: CString | null) => number
>('int mount(void*, void*, void*, unsigned long, void*)');
const c_umount2 = bind<(target: CString, flags: number) => number>('int umount2(void*, int)');
const c_open_tree = bind<(nr: number, dir: number, path: CString, flags: number) => number>(
  'int64_t syscall(int64_t, int64_t, void*, int64_t)',
);
const c_mount_setattr = bind<
  (nr: number, fd: number, path: CString, flags: number, attributes: BigUint64Array, size: number) => number
>('int64_t syscall(int64_t, int64_t, void*, int64_t, void*, size_t)');
const SYS_open_tree = 428;
const SYS_mount_setattr = 442;
const c_setns = bind<(fd: number, type: number) => number>('int setns(int, int)');

/** `flags`: MS_*. `data`: the file system's own options, e.g. `fd=3,rootmode=40000,user_id=0,group_id=0`. Needs CAP_SYS_ADMIN. */
export function mount(
  source: CString,
  target: CString,
  fstype: CString | null,
  flags: number,
  data: CString | null,
): number {
  return outcome(
    c_mount(
      terminated(source),
      terminated(target),
      fstype && terminated(fstype),
      flags,
      data && terminated(data),
    ),
  );
}

/** `flags`: MNT_FORCE, MNT_DETACH, UMOUNT_NOFOLLOW. -EBUSY while it is in use. */
export function umount2(target: CString, flags: number): number {
  return outcome(c_umount2(terminated(target), flags));
}

/** An O_PATH descriptor of `path`, with OPEN_TREE_CLONE through a mount of its own, which is in no namespace and goes with the descriptor. */
export function openTree(dir: number, path: CString, flags: number): number {
  return outcome(c_open_tree(SYS_open_tree, dir, terminated(path), flags));
}

/** Sets and clears MOUNT_ATTR_* of the mount that `fd` is open on, with AT_RECURSIVE also of those below it. Linux 5.12. */
export function setMountAttributes(fd: number, flags: number, set: number, clear: number): number {
  const attributes = BigUint64Array.of(BigInt(set), BigInt(clear), 0n, 0n);
  return outcome(
    c_mount_setattr(SYS_mount_setattr, fd, EMPTY, AT_EMPTY_PATH | flags, attributes, attributes.byteLength),
  );
}

/** Moves the calling thread into the namespace that `fd` stands for; `type`: the CLONE_NEW* that it must be, or 0. */
export function setns(fd: number, type: number): number {
  return outcome(c_setns(fd, type));
}
