// An exchange over handlers of the test's own, with a file system that has nothing but a log.

import * as flag from '../../protocol/flags.ts';
import { Dialect } from '../../protocol/index.ts';
import type { FileSystem } from '../../src/layers/filesystem.ts';
import { UNBOUNDED } from '../../src/layers/lowerbound.ts';
import type { LogFields } from '../../src/log/index.ts';
import { Device } from '../../src/session/device.ts';
import { Exchange, type Served } from '../../src/session/handle.ts';
import { RequestSlots } from '../../src/session/interrupt.ts';

export const dialect = new Dialect(45, flag.FUSE_INIT_EXT | flag.FUSE_SETXATTR_EXT);

type Line = { event: string } & LogFields;

/** Collects what is logged. */
export class FakeLog {
  readonly errors: Line[] = [];
  readonly warnings: Line[] = [];
  readonly debugs: Line[] = [];
  error = (event: string, fields: LogFields = {}) => void this.errors.push({ event, ...fields });
  warn = (event: string, fields: LogFields = {}) => void this.warnings.push({ event, ...fields });
  debug = (event: string, fields: LogFields = {}) => void this.debugs.push({ event, ...fields });
}

export interface Fakes {
  readonly debug?: boolean;
  readonly undo?: Served['undo'];
  readonly descriptors?: () => number;
  readonly device?: Device;
}

export function exchangeOf(handlers: Served['handlers'], fakes: Fakes = {}) {
  const log = new FakeLog();
  const slots = new RequestSlots(RequestSlots.allocate(2));
  const table = { descriptors: fakes.descriptors ?? (() => 0), endUse: () => {}, openHandles: { count: 7 } };
  const fs = {
    log,
    table,
    lower: UNBOUNDED,
    interrupted: () => slots.interrupted(0),
  } as unknown as FileSystem;
  const device = fakes.device ?? new Device(-1);
  const { request, reply } = device;
  const exchange = new Exchange({
    served: { handlers, undo: fakes.undo ?? (() => {}) },
    request,
    reply,
    dialect,
    fs,
    slots,
    index: 0,
    debug: fakes.debug ?? false,
  });

  /** The answer's bytes, undefined for none. */
  const ask = (message: Uint8Array): Uint8Array | undefined => {
    request.set(message);
    const length = exchange.handle(message.length);
    return length === 0 ? undefined : reply.slice(0, length);
  };
  /** The answer's errno. */
  const error = (message: Uint8Array): number | undefined => {
    const answer = ask(message);
    return answer && new DataView(answer.buffer).getInt32(4, true);
  };
  return { exchange, device, slots, log, ask, error };
}
