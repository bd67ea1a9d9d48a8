/**
 * Mounting as root: an own /dev/fuse descriptor handed to mount(2).
 */
import { EINVAL, ENODEV, EPERM, errnoName } from '../../protocol/errno.ts';
import { cstring } from '../sys/cstring.ts';
import { close } from '../sys/fd.ts';
import { mount } from '../sys/mount.ts';
import { openDevice } from './device-node.ts';
import { SystemError } from './errors.ts';
import { FS_TYPE } from './mount-flags.ts';
import { printable } from './printable.ts';

export interface KernelMount {
  readonly source: string;
  readonly mountpoint: string;
  /** MS_… bits. */
  readonly flags: number;
  /** FUSE's own options besides the descriptor and the owner. */
  readonly data: readonly string[];
}

/** The mounted device's descriptor. @throws SystemError */
export function mountByKernel(request: KernelMount): number {
  const device = openDevice();
  const uid = process.getuid?.() ?? 0;
  const gid = process.getgid?.() ?? 0;
  const data = [`fd=${device}`, 'rootmode=40000', `user_id=${uid}`, `group_id=${gid}`, ...request.data].join(
    ',',
  );
  const result = mount(
    cstring(request.source),
    cstring(request.mountpoint),
    cstring(FS_TYPE),
    request.flags,
    cstring(data),
  );
  if (result === 0) return device;
  close(device);
  throw new SystemError(
    'MOUNT_FAILED',
    `cannot mount on ${printable(request.mountpoint)}: ${reason(-result, data)}`,
  );
}

function reason(errno: number, data: string): string {
  switch (errno) {
    case EPERM:
      return 'not permitted, CAP_SYS_ADMIN is missing: mount as root of the host; in a container, --cap-add SYS_ADMIN';
    case ENODEV:
      return 'the kernel has no FUSE: modprobe fuse';
    case EINVAL:
      return `the kernel refuses the options ${printable(data)}`;
    default:
      return errnoName(errno);
  }
}
