// The supplementary groups of a caller, which a FUSE request does not carry: read from /proc/<tid>/status, and believed only if
// the ids in the same file are the request's (the number may have passed to another task by now).

import { readlinkSync } from 'node:fs';
import { O_CLOEXEC, O_RDONLY } from '../sys/constants.ts';
import { cstring } from '../sys/cstring.ts';
import { close, open, read } from '../sys/fd.ts';

/** proc(5): NGROUPS_MAX is 65536; the text of that many needs 720 KiB. Larger than anything seen, and read in one piece. */
const STATUS_BYTES = 1 << 20;
const FIRST_READ = 4096;

const decoder = new TextDecoder('latin1');
let buffer = new Uint8Array(FIRST_READ);

/**
 * Groups of the task `tid` if its file-system ids are `uid` and `gid`; none if it is gone, in another pid namespace (0), is not
 * who it was, or cannot be read.
 */
export function groupsOf(tid: number, uid: number, gid: number): Uint32Array {
  const text = statusOf(tid);
  const ids = text && /^Uid:\t(?:\d+\t){3}(\d+)\nGid:\t(?:\d+\t){3}(\d+)$/m.exec(text);
  if (!ids || Number(ids[1]) !== uid || Number(ids[2]) !== gid) return NONE;
  const line = /^Groups:\t([\d ]*)$/m.exec(text);
  const list = line?.[1]?.trim();
  return list ? Uint32Array.from(list.split(' '), Number) : NONE;
}

const NONE = new Uint32Array(0);

/** /proc may be of another pid namespace, where the caller's number is somebody else's. */
const isOurProc = readlinkSync('/proc/self') === String(process.pid);

/** The text of /proc/TID/status; undefined where it cannot be had. */
export function statusOf(tid: number): string | undefined {
  return tid > 0 && isOurProc ? readStatus(tid) : undefined;
}

function readStatus(tid: number): string | undefined {
  const fd = open(cstring(`/proc/${tid}/status`), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return undefined;
  let length = 0;
  for (;;) {
    const got = read(fd, buffer.subarray(length), buffer.length - length);
    if (got < 0) length = 0;
    if (got <= 0) break;
    length += got;
    if (length === buffer.length) {
      if (buffer.length >= STATUS_BYTES) break;
      const larger = new Uint8Array(buffer.length * 4);
      larger.set(buffer);
      buffer = larger;
    }
  }
  close(fd);
  return length > 0 ? decoder.decode(buffer.subarray(0, length)) : undefined;
}
