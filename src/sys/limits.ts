// Resource limits of the process, by prlimit(2): 0 or a negative errno.
import { type Int64, int64 } from '../../protocol/types.ts';
import { putInt64 } from './int64.ts';
import { bind, outcome } from './libc.ts';

const c_prlimit64 = bind<
  (pid: number, resource: number, limit: Uint8Array | null, old: Uint8Array | null) => number
>('int prlimit64(int, int, void*, void*)');

/** The number that the next descriptor must stay below. */
export const RLIMIT_NOFILE = 7;
/** The largest core dump, in bytes. */
export const RLIMIT_CORE = 4;
/** The largest file, in bytes: a write past it is -EFBIG and a signal. */
export const RLIMIT_FSIZE = 1;
export const RLIM_INFINITY = 0xffff_ffff_ffff_ffffn;

/** struct rlimit64: `soft` is what counts, a process may raise it up to `hard`. */
export class ResourceLimit {
  readonly bytes = new Uint8Array(new ArrayBuffer(16));
  readonly #words = new Uint32Array(this.bytes.buffer);

  get soft(): Int64 {
    return int64(this.#words[0] as number, this.#words[1] as number);
  }
  set soft(value: Int64) {
    putInt64(this.#words, 0, value);
  }
  get hard(): Int64 {
    return int64(this.#words[2] as number, this.#words[3] as number);
  }
  set hard(value: Int64) {
    putInt64(this.#words, 2, value);
  }
}

/** Fills `limit`. `resource`: RLIMIT_*. */
export function getrlimit(resource: number, limit: ResourceLimit): number {
  return outcome(c_prlimit64(0, resource, null, limit.bytes));
}

/** -EPERM when `hard` is raised without CAP_SYS_RESOURCE, -EINVAL when `soft` is above `hard`. */
export function setrlimit(resource: number, limit: ResourceLimit): number {
  return outcome(c_prlimit64(0, resource, limit.bytes, null));
}
