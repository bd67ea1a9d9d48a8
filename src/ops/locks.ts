// GETLK, SETLK and SETLKW, which the kernel sends with `locks=cluster` alone.

import { EINVAL, ENOSYS } from '../../protocol/errno.ts';
import {
  FUSE_LK_FLOCK,
  fuse_file_lock,
  fuse_lk_in,
  fuse_lk_out,
  highWord,
  lowWord,
} from '../../protocol/index.ts';
import type { FileSystem } from '../layers/filesystem.ts';
import { NO_END } from '../layers/heldlocks.ts';
import { type LockOwner, lockHandle, lockRange, testRange } from '../layers/locks.ts';
import { F_UNLCK } from '../sys/constants.ts';
import { FileLock } from '../sys/locks.ts';
import type { Call, Handler } from './call.ts';
import { fileHandleOf } from './files.ts';

const IN = fuse_lk_in.offsets;
const LOCK = fuse_file_lock.offsets;
const lock = new FileLock();

/** Local locks are the kernel's business: it does not ask, and what says that it does is not from it. */
const isServed = (fs: FileSystem) => fs.policy.locks === 'cluster';

export const GETLK: Handler = ({ request, reply, fs }) => {
  if (!isServed(fs)) return -ENOSYS;
  const handle = fileHandleOf(fs, request.fileHandle(IN.fh), request.nodeid);
  if (handle < 0) return handle;
  if (!readLock(request)) return -EINVAL;
  const pid = testRange(fs, request.nodeid, handle, ownerOf(request), lock);
  if (pid < 0) return pid;
  const at = fuse_lk_out.offsets.lk;
  const start = BigInt(lock.start);
  const end = lock.length === 0 ? NO_END : start + BigInt(lock.length) - 1n;
  reply.words(at + LOCK.start, lowWord(start), highWord(start));
  reply.words(at + LOCK.end, lowWord(end), highWord(end));
  reply.u32(at + LOCK.type, lock.type);
  reply.u32(at + LOCK.pid, pid);
  return fuse_lk_out.size;
};

function set({ request, fs }: Call, waits: boolean): number {
  if (!isServed(fs)) return -ENOSYS;
  const handle = fileHandleOf(fs, request.fileHandle(IN.fh), request.nodeid);
  if (handle < 0) return handle;
  if (!readLock(request)) return -EINVAL;
  if ((request.u32(IN.lk_flags) & FUSE_LK_FLOCK) !== 0) {
    return lockHandle(fs, request.nodeid, handle, lock.type, waits);
  }
  return lockRange(fs, request.nodeid, handle, ownerOf(request), lock, waits);
}

export const SETLK: Handler = (call) => set(call, false);
export const SETLKW: Handler = (call) => set(call, true);

type Message = Call['request'];

function ownerOf(request: Message): LockOwner {
  const pid = request.u32(IN.lk + LOCK.pid);
  return { lo: request.u32(IN.owner), hi: request.u32(IN.owner + 4), pid };
}

/** Fills `lock`. @returns false for what is none. */
function readLock(request: Message): boolean {
  const start = BigInt(request.int64(IN.lk + LOCK.start));
  const end = BigInt(request.int64(IN.lk + LOCK.end));
  const type = request.u32(IN.lk + LOCK.type);
  if (type > F_UNLCK || start > end || end > NO_END) return false;
  lock.set(type, start, end === NO_END ? 0 : end - start + 1n);
  return true;
}
