// A worker thread: waits for a request on the shared device, handles it, writes the answer, until the device goes away.
// It blocks in read(2) and never returns to its event loop before that, so it only talks (postMessage needs no loop)
// and is never talked to.

import { parentPort, workerData } from 'node:worker_threads';
import { errnoName } from '../../protocol/errno.ts';
import { Dialect, type NodeId } from '../../protocol/index.ts';
import { endSlot } from '../layers/copyslot.ts';
import { FileSystem } from '../layers/filesystem.ts';
import { Backing } from '../layers/passthrough.ts';
import { Log } from '../log/index.ts';
import { handlers, undo } from '../ops/index.ts';
import { unshareFs } from '../sys/credentials.ts';
import { Device, ENDED } from './device.ts';
import { Exchange } from './handle.ts';
import { RequestSlots } from './interrupt.ts';
import { LockWaits } from './lockwaits.ts';
import { LowerPlaces } from './lowerplaces.ts';
import { LowerWaits } from './lowerwaits.ts';
import { LowerWork } from './lowerwork.ts';
import { ownerOf, type WorkerMessage, type WorkerSetup } from './messages.ts';
import { Notifier } from './notify.ts';
import { Occupancy } from './occupancy.ts';
import { Parker } from './parker.ts';
import { Parking } from './parking.ts';
import { ReadTurn } from './readturn.ts';
import { IDLE, serve } from './serve.ts';

function work(setup: WorkerSetup, tell: (message: WorkerMessage) => void): void {
  // The umask belongs to the process unless the thread takes its own: handlers set it to the caller's for creations.
  const own = unshareFs();
  if (own < 0) throw new Error(`a worker thread can't have a umask of its own: ${errnoName(own)}`);
  const { index, memory } = setup;
  const slots = new RequestSlots(memory.slots);
  const device = new Device(setup.device);
  const notifier = new Notifier(setup.device, new Log(setup.fs.log, setup.fs.logLevel));
  const hooks = {
    waiting: () => tell({ kind: 'waiting' }),
    signalled: () => tell({ kind: 'signalled' }),
  };
  const waits = new LockWaits(memory.lockWaits);
  const lower = {
    waits: new LowerWaits(memory.lowerWaits),
    places: new LowerPlaces(memory.lowerPlaces, setup.fs.layers.length - 1),
  };
  const parker = new Parker(new Parking(memory.parking), waits, index, device.request, hooks, lower);
  const dialect = new Dialect(setup.dialect.minor, setup.dialect.flags);
  const fs = new FileSystem(
    setup.fs,
    ownerOf(index),
    () => slots.interrupted(index),
    (node) => parker.mayWait(node),
    parker,
    (node: NodeId) => notifier.invalidateAttributes(node),
    new LowerWork(lower.places, parker, index),
    dialect.hasPassthrough ? new Backing(setup.device) : undefined,
  );
  const { request, reply } = device;
  const exchange = new Exchange({
    served: { handlers, undo },
    request,
    reply,
    dialect,
    fs,
    slots,
    index,
    parker,
    debug: setup.debug,
  });
  tell({ kind: 'ready' });
  const occupancy = new Occupancy(memory.occupancy);
  const descriptorBudget = setup.descriptorBudget ?? Number.POSITIVE_INFINITY;
  const turn = new ReadTurn(memory.readTurn, index, { patience: setup.patience });
  const result = serve({ device, exchange, occupancy, turn, descriptorBudget, tell });
  endSlot(fs);
  if (result === IDLE) tell({ kind: 'idle' });
  else tell(result === ENDED ? { kind: 'ended' } : { kind: 'failed', errno: -result });
}

const port = parentPort;
if (port === null) throw new Error('worker.ts is started by pool.ts, as a worker thread');
work(workerData as WorkerSetup, (message) => port.postMessage(message));
