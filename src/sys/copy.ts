// Copies that stay in the kernel, and ioctl(2). Each call returns the bytes copied, which may be fewer than asked, or a negative errno
// that tells the caller to try the next way: -EOPNOTSUPP, -EXDEV, -EINVAL, -ENOSYS.
import { EINTR } from '../../protocol/errno.ts';
import { type Int64, putInt64 } from './int64.ts';
import { bind, outcome } from './libc.ts';

const c_copy_file_range = bind<
  (
    input: number,
    offIn: Uint32Array,
    output: number,
    offOut: Uint32Array,
    length: number,
    flags: number,
  ) => number
>('int64_t copy_file_range(int, void*, int, void*, size_t, unsigned int)');
const c_sendfile = bind<(output: number, input: number, offset: Uint32Array, length: number) => number>(
  'int64_t sendfile(int, int, void*, size_t)',
);
const c_ioctlNumber = bind<(fd: number, request: number, value: number) => number>(
  'int ioctl(int, unsigned long, int64_t)',
);
const c_ioctl = bind<(fd: number, request: number, bytes: Uint8Array | null) => number>(
  'int ioctl(int, unsigned long, void*)',
);

const FICLONE = 0x4004_9409;

const from = new Uint32Array(new ArrayBuffer(8)); // loff_t
const to = new Uint32Array(new ArrayBuffer(8));

/** Copies `length` bytes between explicit offsets; the descriptors' own positions stay. It copies holes as zeros on some file systems:
 * ask SEEK_DATA first. 0 at the end of the input. */
export function copyFileRange(
  input: number,
  offIn: Int64,
  output: number,
  offOut: Int64,
  length: number,
): number {
  let count: number;
  do {
    putInt64(from, 0, offIn);
    putInt64(to, 0, offOut);
    count = outcome(c_copy_file_range(input, from, output, to, length, 0));
  } while (count === -EINTR);
  return count;
}

/** Makes all of `output` share the data of `input` (ioctl_ficlone(2)): 0, or -EOPNOTSUPP, -EXDEV or -EINVAL where that cannot be. */
export function ficlone(output: number, input: number): number {
  let result: number;
  do result = outcome(c_ioctlNumber(output, FICLONE, input));
  while (result === -EINTR);
  return result;
}

/** Copies from `offset` of `input` to the present position of `output`, which it moves. */
export function sendfile(output: number, input: number, offset: Int64, length: number): number {
  let count: number;
  do {
    putInt64(from, 0, offset);
    count = outcome(c_sendfile(output, input, from, length));
  } while (count === -EINTR);
  return count;
}

/** Any ioctl whose argument is a pointer: `bytes` must be as long as the request reads and writes, which is not checked here. */
export function ioctl(fd: number, request: number, bytes: Uint8Array | null): number {
  return outcome(c_ioctl(fd, request, bytes));
}
