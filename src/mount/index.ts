/**
 * From the words of a command line to a mounted /dev/fuse descriptor, and back.
 */
export { checkMount, givenDevice } from './checks.ts';
export { SystemError, UsageError } from './errors.ts';
export { adoptDevice, type Mounted, mountDevice } from './mount.ts';
export { type MountOptions, parseOptions } from './options.ts';
export { messageOf } from './printable.ts';
export { unmount } from './unmount.ts';
