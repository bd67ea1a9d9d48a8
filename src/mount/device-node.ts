/**
 * /dev/fuse: whether this host has it and this user may open it, and the descriptor.
 */
import { accessSync, constants, statSync } from 'node:fs';
import { release } from 'node:os';
import { EACCES, ENODEV, ENOENT, ENXIO, EPERM, errnoName } from '../../protocol/errno.ts';
import { O_CLOEXEC, O_RDWR } from '../sys/constants.ts';
import { cstring } from '../sys/cstring.ts';
import { open } from '../sys/fd.ts';
import { SystemError } from './errors.ts';

export const DEVICE = '/dev/fuse';

/** FUSE 7.31, the oldest version of the protocol that is spoken. */
const OLDEST = [5, 4] as const;

const NO_FUSE = `${DEVICE} is missing: load the module (modprobe fuse); in a container, start it with --device ${DEVICE}`;
const DENIED = `${DEVICE} may not be opened: make it 0666 (udev does); in a container, start it with --device ${DEVICE}`;

/** @throws SystemError */
export function checkKernel(version = release()): void {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return;
  throw new SystemError(
    'KERNEL_TOO_OLD',
    `kernel ${version} is too old: ${OLDEST.join('.')} or later is needed`,
  );
}

/** Before anything is done: could the device be opened? @throws SystemError */
export function checkDevice(path = DEVICE): void {
  try {
    if (!statSync(path).isCharacterDevice()) throw new SystemError('NO_DEVICE', NO_FUSE);
    accessSync(path, constants.R_OK | constants.W_OK);
  } catch (error) {
    if (error instanceof SystemError) throw error;
    throw new SystemError('NO_DEVICE', (error as NodeJS.ErrnoException).code === 'ENOENT' ? NO_FUSE : DENIED);
  }
}

/** @throws SystemError */
export function openDevice(): number {
  const fd = open(cstring(DEVICE), O_RDWR | O_CLOEXEC);
  if (fd >= 0) return fd;
  if (fd === -ENOENT || fd === -ENODEV || fd === -ENXIO) throw new SystemError('NO_DEVICE', NO_FUSE);
  if (fd === -EACCES || fd === -EPERM) throw new SystemError('NO_DEVICE', DENIED);
  throw new SystemError('NO_DEVICE', `${DEVICE} cannot be opened: ${errnoName(-fd)}`);
}
