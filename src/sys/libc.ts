// The door to libc, and the only file that imports koffi: binds C functions by their prototypes and turns -1 into
// a negative errno. A prototype's `void*` takes a Uint8Array (or a view of a SharedArrayBuffer) and passes its memory
// itself, without a copy. C is given addresses and lengths that it cannot check, so they are checked here first.
import koffi from 'koffi';
import type { Int64 } from '../../protocol/types.ts';

// Struct layouts, flags and raw system call numbers below are those of these (little-endian, 64-bit) architectures.
const supported = ['x64', 'arm64', 'riscv64', 'loong64'];

function load(): ReturnType<typeof koffi.load> {
  if (process.platform !== 'linux' || !supported.includes(process.arch)) {
    throw new Error(
      `migratefs runs on Linux on ${supported.join(', ')}; this is ${process.platform} on ${process.arch}`,
    );
  }
  try {
    return koffi.load('libc.so.6');
  } catch (cause) {
    throw new Error(
      'migratefs needs the GNU C library (libc.so.6), which is not here: on a musl system, such as Alpine Linux, ' +
        'run it in a container of a glibc distribution',
      { cause },
    );
  }
}

const libc = load();

/** Binds a C function, e.g. `bind<(fd: number) => number>('int close(int)')`. The type must say what the prototype says. */
export function bind<F extends (...args: never[]) => unknown>(prototype: string): F {
  return libc.func(prototype) as unknown as F;
}

/** What the system calls of this folder return: the C result, or the errno, negative. To be called at once after the call. */
export function outcome(result: number): number {
  return result === -1 ? -koffi.errno() : result;
}

/** {@link outcome} of a call whose result may pass 2^53. */
export function outcome64(result: Int64): Int64 {
  return result === -1 ? -koffi.errno() : result;
}

/** `length` if that many bytes lie in `bytes`; a RangeError (a bug of the caller) otherwise. */
export function within(bytes: ArrayBufferView, length: number): number {
  if (length >= 0 && length <= bytes.byteLength) return length;
  throw new RangeError(`${length} bytes asked of a buffer of ${bytes.byteLength}`);
}

/** The address of a buffer's memory, for structs that hold pointers. The buffer must lie in an ArrayBuffer made for it: V8 may
 * keep, and move, the content of a small typed array inside its heap. */
export function addressOf(buffer: ArrayBuffer): bigint {
  return koffi.address(buffer);
}

/** Raw system call number by architecture: x86_64 has its own table, the younger architectures share the generic one. */
export function syscallNumber(x64: number, generic: number): number {
  return process.arch === 'x64' ? x64 : generic;
}
