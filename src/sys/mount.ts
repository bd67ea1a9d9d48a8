// Mounts and mount namespaces: 0 or a negative errno, see mount(2), umount(2), setns(2).
import { type CString, terminated } from './cstring.ts';
import { bind, outcome } from './libc.ts';

const c_mount = bind<
  (source: CString, target: CString, fstype: CString | null, flags: number, data: CString | null) => number
>('int mount(void*, void*, void*, unsigned long, void*)');
const c_umount2 = bind<(target: CString, flags: number) => number>('int umount2(void*, int)');
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

/** Moves the calling thread into the namespace that `fd` stands for; `type`: the CLONE_NEW* that it must be, or 0. */
export function setns(fd: number, type: number): number {
  return outcome(c_setns(fd, type));
}
