// The opening: reads INIT on the main thread, before there are workers, and answers it. Which features this daemon wants, and
// why not the others, is decided here; protocol/negotiate knows what the kernel makes of it.

import { EAGAIN, EINTR, EPERM, errnoName } from '../../protocol/errno.ts';
import * as flag from '../../protocol/flags.ts';
import {
  Dialect,
  fuse_init_out,
  type Negotiation,
  negotiate,
  ProtocolError,
  Reply,
  Request,
  readOffer,
} from '../../protocol/index.ts';
import type { Policy } from '../layers/setup.ts';
import { POLLIN } from '../sys/constants.ts';
import { poll } from '../sys/fd.ts';
import { Device, MAX_WRITE } from './device.ts';
import { SessionError } from './session-error.ts';

/** Milliseconds until a device that sends no INIT is given up: the kernel sends it while mount(2) is still under way. */
const INIT_TIMEOUT_MS = 10_000;

/** An INIT may be repeated once for a kernel with a newer major version; more is not a kernel. */
const MAX_INITS = 3;

// Not wanted: WRITEBACK_CACHE (other hosts write too), the splice flags (data is read into our own buffer), HANDLE_KILLPRIV (its successor V2 says which requests).
const ALWAYS =
  flag.FUSE_ASYNC_READ |
  flag.FUSE_ATOMIC_O_TRUNC |
  flag.FUSE_EXPORT_SUPPORT |
  flag.FUSE_BIG_WRITES |
  flag.FUSE_DONT_MASK |
  flag.FUSE_DO_READDIRPLUS |
  flag.FUSE_READDIRPLUS_AUTO |
  flag.FUSE_ASYNC_DIO |
  flag.FUSE_PARALLEL_DIROPS |
  // A layer's own file system clears set-id bits, because requests run with the caller's fsuid, without CAP_FSETID.
  flag.FUSE_HANDLE_KILLPRIV_V2 |
  flag.FUSE_ABORT_ERROR |
  flag.FUSE_MAX_PAGES |
  flag.FUSE_SETXATTR_EXT |
  flag.FUSE_HAS_EXPIRE_ONLY;

type Negotiated = Pick<Policy, 'permissions' | 'locks' | 'passthrough'>;

/** The INIT flags that are wanted for a policy. `exclusive`: no other host writes to the layers. */
export function wantedFlags({ permissions, locks, passthrough }: Negotiated, exclusive: boolean): bigint {
  let flags = ALWAYS;
  // POSIX_ACL makes the kernel check permissions by itself, which `permissions=layer` is there to avoid.
  if (permissions === 'default') flags |= flag.FUSE_POSIX_ACL;
  // Without these the kernel keeps locks itself, on this host, and asks nobody.
  if (locks === 'cluster') flags |= flag.FUSE_POSIX_LOCKS | flag.FUSE_FLOCK_LOCKS;
  // A cached symlink has no timeout: another host's change would never be seen. Another host's write shows in a file's times.
  flags |= exclusive ? flag.FUSE_CACHE_SYMLINKS : flag.FUSE_AUTO_INVAL_DATA;
  if (passthrough === 'upper') flags |= flag.FUSE_PASSTHROUGH;
  return flags;
}

/**
 * Reads and answers INIT on a device that has just been mounted.
 * @returns what is spoken from here on
 * @throws SessionError when the kernel is too old, the device is not a mounted one, or no INIT comes
 */
export function openSession(fd: number, flags: bigint, timeoutMs: number = INIT_TIMEOUT_MS): Dialect {
  const device = new Device(fd);
  const request = new Request(device.request, Dialect.initial);
  const reply = new Reply(device.reply);
  for (let inits = 0; inits < MAX_INITS; inits++) {
    readInit(device, request, timeoutMs);
    const result = negotiate(readOffer(request), {
      flags,
      maxWrite: MAX_WRITE,
      maxReadahead: MAX_WRITE,
      // Reads ahead of a storage that hangs stay for as long as it does, and must not stop those of others.
      maxBackground: 4096,
      congestionThreshold: 3072,
      timeGran: 1,
      maxPages: MAX_WRITE / 4096,
      maxStackDepth: 1,
    });
    answer(device, request, reply, result);
    if (result.kind === 'agreed') return result.dialect;
    if (result.kind === 'refused') throw new SessionError(result.message);
  }
  throw new SessionError('the kernel and migratefs agree on no version of the FUSE protocol');
}

function readInit(device: Device, request: Request, timeoutMs: number): void {
  const until = performance.now() + timeoutMs;
  let events: number;
  do events = poll(device.fd, POLLIN, Math.max(0, Math.ceil(until - performance.now())));
  while (events === -EINTR || events === -EAGAIN);
  if (events < 0) throw new SessionError(`cannot wait for the FUSE device: ${errnoName(events)}`);
  if (events === 0) throw new SessionError('the FUSE device is silent: the kernel sent no INIT');
  const length = device.read();
  if (length === -EPERM) throw new SessionError('the FUSE device is not mounted');
  if (length < 0) throw new SessionError(`cannot read the FUSE device: ${errnoName(length)}`);
  if (length === 0) throw new SessionError('the mount was taken away before it began');
  try {
    if (request.load(length).name === 'INIT') return;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new SessionError(`the kernel's first message is malformed: ${error.message}`);
  }
  throw new SessionError(`the kernel's first message is ${request.operation.name}, not INIT`);
}

function answer(device: Device, request: Request, reply: Reply, result: Negotiation): void {
  let body: number;
  if (result.kind === 'refused') {
    body = -result.errno;
  } else {
    fuse_init_out.encode(result.out, reply.body);
    body = fuse_init_out.size;
  }
  const written = device.write(reply.finish(request, body));
  if (written < 0 && result.kind !== 'refused') {
    throw new SessionError(`the kernel refused the answer to INIT: ${errnoName(written)}`);
  }
}
