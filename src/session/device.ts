// The /dev/fuse descriptor: one whole message in by read(2), one whole message out by write(2), in the buffers of one
// worker. Workers read the same descriptor in turns (readturn.ts); the kernel hands every message to one of them. What the
// errors mean is fuse_dev_do_read and fuse_dev_do_write in the kernel's fs/fuse/dev.c.

import { EAGAIN, ECONNABORTED, EIO, ENODEV, ENOENT } from '../../protocol/errno.ts';
import { fuse_in_header, fuse_out_header, fuse_write_in } from '../../protocol/structs.ts';
import { POLLERR, POLLHUP, POLLIN } from '../sys/constants.ts';
import { poll, read, write } from '../sys/fd.ts';
import { addressOf } from '../sys/libc.ts';

/** Largest payload of a WRITE and largest answer to a READ, in bytes: what `max_write` and `max_pages` negotiate. */
export const MAX_WRITE = 1 << 20;

/** Room for headers and request structs beside the payload, in bytes, as libfuse gives; the kernel wants at least 80. */
const HEADER_ROOM = 4096;

/** Size of a buffer that holds every message in either direction, in bytes. */
export const MESSAGE_SIZE = MAX_WRITE + HEADER_ROOM;

/** The read side met the orderly end: unmounted, aborted, or (a socket in place of a device) closed by the other side. */
export const ENDED = 0;

/** How long a worker looks out, in milliseconds: a poll takes half a microsecond, or two where system calls are dear. */
const LOOK_OUT_MS = 0.02;

const PAGE = 4096;

/** A buffer for one message in which the byte at `aligned` starts a page: O_DIRECT files read and write no other memory. */
function messageBuffer(aligned: number): Uint8Array {
  const memory = new ArrayBuffer(MESSAGE_SIZE + PAGE);
  const past = Number((addressOf(memory) + BigInt(aligned)) % BigInt(PAGE));
  return new Uint8Array(memory, (PAGE - past) % PAGE, MESSAGE_SIZE);
}

/** One worker's buffers on the shared descriptor. */
export class Device {
  readonly fd: number;
  /** The message read last; valid until the next `read`. A WRITE's payload starts on a page. */
  readonly request = messageBuffer(fuse_in_header.size + fuse_write_in.size);
  /** The answer to be written. Its body starts on a page. */
  readonly reply = messageBuffer(fuse_out_header.size);
  readonly #replyView = new DataView(this.reply.buffer, this.reply.byteOffset);

  constructor(fd: number) {
    this.fd = fd;
  }

  /** Asks for the next message again and again for a moment. @returns whether it was there already */
  lookOut(): boolean {
    if (poll(this.fd, POLLIN, 0) !== 0) return true;
    const until = performance.now() + LOOK_OUT_MS;
    do {
      if (poll(this.fd, POLLIN, 0) !== 0) return false;
    } while (performance.now() < until);
    return false;
  }

  /** Waits for a message, or the end, for so many milliseconds. It may be another worker's by the time of the `read`. */
  hasMessage(milliseconds: number): boolean {
    return poll(this.fd, POLLIN, milliseconds) > 0;
  }

  /** Whether the connection is over: nobody waits for answers any more. */
  get ended(): boolean {
    const events = poll(this.fd, POLLIN, 0);
    return events > 0 && (events & (POLLERR | POLLHUP)) !== 0;
  }

  /**
   * Waits for one message.
   * @returns its length in bytes, `ENDED`, or a negative errno that the session cannot go on from
   */
  read(): number {
    for (;;) {
      const length = read(this.fd, this.request, MESSAGE_SIZE);
      if (length >= 0) return length;
      switch (-length) {
        case ENODEV: // unmounted
        case ECONNABORTED: // aborted through fusectl, which ABORT_ERROR tells apart
          return ENDED;
        case EAGAIN:
        case ENOENT: // the request was interrupted before it could be copied out
          continue;
        default:
          return length;
      }
    }
  }

  /** The error field of the answer in `reply`: 0 or a negative errno. */
  get replyError(): number {
    return this.#replyView.getInt32(fuse_out_header.offsets.error, true);
  }

  /** Writes the first `length` bytes of `reply`. @returns 0 or a negative errno */
  write(length: number): number {
    for (;;) {
      const written = write(this.fd, this.reply, length);
      if (written === length) return 0;
      if (written >= 0) return -EIO; // the device takes a message whole or not at all
      if (written !== -EAGAIN) return written;
    }
  }
}
