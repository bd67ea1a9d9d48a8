// A worker's loop over the device: read, handle, write. The answer's write is where the kernel says that it no longer wants
// it: what the answer carried (a lookup count, an open file) is then taken back, or it would stay for ever. After each request, and
// before the first (a worker may have died and left work), parked ones are taken up that can go on.

import { availableParallelism } from 'node:os';
import { EIO, ENODEV, ENOENT, errnoName } from '../../protocol/errno.ts';
import type { Device } from './device.ts';
import type { Exchange } from './handle.ts';
import type { WorkerMessage } from './messages.ts';
import type { Occupancy } from './occupancy.ts';
import type { ReadTurn } from './readturn.ts';

const MULTICORE = availableParallelism() > 1;

export interface ServeOptions {
  readonly device: Device;
  readonly exchange: Exchange;
  readonly occupancy: Occupancy;
  readonly turn: ReadTurn;
  /** Directory descriptors from which on a report is made. */
  readonly descriptorBudget: number;
  /** Tells the main thread. */
  readonly tell: (message: WorkerMessage) => void;
}

/** What `serve` ends with when this worker is not needed any more. */
export const IDLE = 'idle';

/**
 * Serves requests until the device ends, or others have done all the work for a while.
 * @returns `ENDED`, `IDLE`, or the negative errno of a read that the session can't go on from
 */
export function serve({
  device,
  exchange,
  occupancy,
  turn,
  descriptorBudget,
  tell,
}: ServeOptions): number | typeof IDLE {
  const { table } = exchange.fs;
  const report = () => {
    const exhausted = exchange.takeExhausted();
    if ((exhausted || table.descriptors() > descriptorBudget) && occupancy.report())
      tell({ kind: 'descriptors-short', exhausted });
  };
  for (;;) {
    takeUpParked(device, exchange);
    report();
    if (waitUntilDue(device, exchange)) continue;
    occupancy.wait();
    if (!turn.await()) {
      if (occupancy.take()) tell({ kind: 'busy' });
      return IDLE;
    }
    // Whoever looked after the time may be at work on a message now.
    if (waitUntilDue(device, exchange)) {
      turn.atWork();
      if (occupancy.take()) tell({ kind: 'busy' });
      continue;
    }
    // Who waits for an answer often asks again at once, and waking a sleeping thread costs more than all that a worker does for a request.
    // One worker at a time therefore stays awake for a moment; where there is a single core, that would only be in the way.
    if (MULTICORE && turn.lookOut()) turn.lookedOut(device.lookOut());
    const length = device.read();
    if (length > 0) turn.taken();
    else turn.end();
    if (occupancy.take() && length > 0) tell({ kind: 'busy' });
    if (length <= 0) return length;
    exchange.refresh();
    respond(device, exchange, length);
    turn.done();
    report();
  }
}

/** Waits for a message while requests lie parked whose time comes. @returns whether it has come, before any message */
function waitUntilDue(device: Device, exchange: Exchange): boolean {
  const { dueIn } = exchange;
  if (dueIn === undefined || device.hasMessage(dueIn)) return false;
  exchange.refresh();
  return true;
}

function respond(device: Device, exchange: Exchange, length: number): void {
  const answer = exchange.handle(length);
  if (answer === 0) return;
  const result = device.write(answer);
  if (result < 0) refused(device, exchange, result);
}

// What still lies there when the session ends has nobody who waits for it, and would be a copy for nothing.
function takeUpParked(device: Device, exchange: Exchange): void {
  for (;;) {
    if (!exchange.hasParked || device.ended) return;
    const length = exchange.takeUp();
    if (length === 0) return;
    respond(device, exchange, length);
  }
}

function refused(device: Device, exchange: Exchange, result: number): void {
  const served = device.replyError === 0;
  if (served) exchange.undo();
  // ENOENT: interrupted, or done without us. An interrupt's own answer meets it whenever its request is done by now.
  if (result === -ENOENT || result === -ENODEV) return;
  const request = served ? exchange.describe() : undefined;
  exchange.fs.log.error('answer_refused', { request, error: errnoName(result) });
  if (served) device.write(exchange.reply.finish(exchange.request, -EIO));
}
