// The opening of a session as a pure function: what the kernel offers and what this side wants, to what is spoken.
import { Dialect } from './dialect.ts';
import { EPROTO } from './errno-numbers.ts';
import * as flag from './flags.ts';
import type { Request } from './request.ts';
import { fuse_init_in, type fuse_init_out } from './structs.ts';

/** What the kernel offers, both words of flags in one. */
export interface Offer {
  readonly major: number;
  readonly minor: number;
  readonly maxReadahead: number;
  readonly flags: bigint;
}

/** What this side would have, where the kernel offers it. Sizes in bytes. */
export interface Wanted {
  readonly flags: bigint;
  /** Bytes of one WRITE's data, at least 4096. */
  readonly maxWrite: number;
  readonly maxReadahead: number;
  /** Requests that the kernel lets wait in the background, and from how many on it calls the mount congested. */
  readonly maxBackground: number;
  readonly congestionThreshold: number;
  /** Nanoseconds that times are rounded to. */
  readonly timeGran: number;
  /** Pages of one message's data; counts with MAX_PAGES. */
  readonly maxPages: number;
  /** How many file systems may lie on one another below this one; counts with PASSTHROUGH, which needs at least 1. */
  readonly maxStackDepth: number;
  /** Seconds until the kernel gives up on a request, zero never; counts with REQUEST_TIMEOUT. */
  readonly requestTimeout?: number;
}

/**
 * `agreed`: answer with `out`, then speak `dialect`. `retry`: the kernel's protocol is newer; answer with `out`, the
 * kernel will send another INIT. `refused`: answer with the errno and end, for the reason in `message`.
 */
export type Negotiation =
  | { readonly kind: 'agreed'; readonly out: InitOut; readonly dialect: Dialect }
  | { readonly kind: 'retry'; readonly out: InitOut }
  | { readonly kind: 'refused'; readonly errno: number; readonly message: string };

export type InitOut = Parameters<typeof fuse_init_out.encode>[0];

const IN = fuse_init_in.offsets;

/** The offer in an INIT request that is loaded; the short struct of old kernels is understood. */
export function readOffer(request: Request): Offer {
  const low = BigInt(request.u32(IN.flags));
  const high = (low & flag.FUSE_INIT_EXT) !== 0n ? BigInt(request.u32(IN.flags2)) : 0n;
  return {
    major: request.u32(IN.major),
    minor: request.u32(IN.minor),
    maxReadahead: request.u32(IN.max_readahead),
    flags: (high << 32n) | low,
  };
}

export function negotiate(offer: Offer, wanted: Wanted): Negotiation {
  const { major } = offer;
  if (major > flag.FUSE_KERNEL_VERSION) {
    return { kind: 'retry', out: { major: flag.FUSE_KERNEL_VERSION, minor: flag.FUSE_KERNEL_MINOR_VERSION } };
  }
  if (major < flag.FUSE_KERNEL_VERSION || offer.minor < flag.FUSE_OLDEST_MINOR_VERSION) {
    const spoken = `${major}.${offer.minor}`;
    const needed = `${flag.FUSE_KERNEL_VERSION}.${flag.FUSE_OLDEST_MINOR_VERSION}`;
    return {
      kind: 'refused',
      errno: EPROTO,
      message: `Linux 5.4 or newer is needed (FUSE ${needed}): this kernel speaks FUSE ${spoken}`,
    };
  }
  const minor = Math.min(offer.minor, flag.FUSE_KERNEL_MINOR_VERSION);
  const flags = agreedFlags(offer.flags, wanted);
  const has = (one: bigint) => (flags & one) !== 0n;
  const out: InitOut = {
    major,
    minor,
    max_readahead: Math.min(offer.maxReadahead, wanted.maxReadahead),
    flags: Number(flags & 0xffff_ffffn),
    max_background: wanted.maxBackground,
    congestion_threshold: wanted.congestionThreshold,
    max_write: Math.max(wanted.maxWrite, 4096),
    time_gran: wanted.timeGran,
    max_pages: has(flag.FUSE_MAX_PAGES) ? wanted.maxPages : 0,
    flags2: Number(flags >> 32n),
    max_stack_depth: has(flag.FUSE_PASSTHROUGH) ? wanted.maxStackDepth : 0,
    request_timeout: has(flag.FUSE_REQUEST_TIMEOUT) ? (wanted.requestTimeout ?? 0) : 0,
  };
  return { kind: 'agreed', out, dialect: new Dialect(minor, flags) };
}

function agreedFlags(offered: bigint, wanted: Wanted): bigint {
  // INIT_EXT is what makes the kernel look at flags2, so it is taken whenever it is offered.
  const flags = offered & (wanted.flags | flag.FUSE_INIT_EXT) & ~flag.FUSE_INIT_RESERVED;
  // The kernel silently drops passthrough in these cases; the dialect must not say that it is there.
  const passes = wanted.maxStackDepth > 0 && (flags & flag.FUSE_WRITEBACK_CACHE) === 0n;
  return passes ? flags : flags & ~flag.FUSE_PASSTHROUGH;
}
