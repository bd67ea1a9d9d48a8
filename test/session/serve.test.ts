import t from 'tap';
import { EBADF, EINVAL, EIO, ENODEV, ENOENT } from '../../protocol/errno.ts';
import { decodeReply, encodeRequest, operations } from '../../protocol/index.ts';
import { Device, ENDED } from '../../src/session/device.ts';
import type { WorkerMessage } from '../../src/session/messages.ts';
import { Occupancy } from '../../src/session/occupancy.ts';
import { ReadTurn } from '../../src/session/readturn.ts';
import { serve } from '../../src/session/serve.ts';
import { dialect, exchangeOf, type Fakes } from './exchange.ts';
import { type Draft, Kernel } from './kernel.ts';

const lookup: Draft = { operation: 'LOOKUP', names: [Buffer.from('a\0')] };
const found: Parameters<typeof exchangeOf>[0] = {
  LOOKUP: ({ reply }) => {
    reply.zero(128);
    return 128;
  },
};

/** A device that gives one message and then ends; its first write of an answer has the given result. */
class RefusingDevice extends Device {
  readonly written: Uint8Array[] = [];
  #message: Uint8Array | undefined;
  #result: number;

  constructor(message: Uint8Array, result: number) {
    super(-1);
    this.#message = message;
    this.#result = result;
  }

  override read(): number {
    const message = this.#message;
    this.#message = undefined;
    if (message === undefined) return ENDED;
    this.request.set(message);
    return message.length;
  }

  override write(length: number): number {
    this.written.push(this.reply.slice(0, length));
    const result = this.#result;
    this.#result = 0;
    return result;
  }
}

function run(device: Device, handlers: Parameters<typeof exchangeOf>[0], fakes: Fakes = {}, budget = 100) {
  const told: WorkerMessage[] = [];
  const occupancy = new Occupancy(Occupancy.allocate());
  occupancy.allowGrowth();
  const { exchange, log } = exchangeOf(handlers, { ...fakes, device });
  const turn = new ReadTurn(ReadTurn.allocate(), 0);
  const tell = (message: WorkerMessage) => told.push(message);
  const end = serve({ device, exchange, occupancy, turn, descriptorBudget: budget, tell });
  return { end, told, log };
}

const bytesOf = (draft: Draft) =>
  encodeRequest({ unique: 2, nodeid: 1, uid: 0, gid: 0, pid: 1, ...draft }, dialect);

t.test('each request has its answer, until the device ends', async (t) => {
  const kernel = new Kernel(dialect);
  const numbers = [kernel.ask(lookup), kernel.ask({ operation: 'FORGET' }), kernel.ask(lookup)];
  // Half closed: the requests are still read.
  const device = new Device(kernel.device);
  const read = device.read.bind(device);
  let reads = 0;
  device.read = () => (reads++ < 3 ? read() : ENDED);
  const { end, told } = run(device, found);
  t.equal(end, ENDED);
  t.equal(kernel.answer('LOOKUP').unique, numbers[0]);
  t.equal(kernel.answer('LOOKUP').unique, numbers[2]);
  t.notOk(kernel.hasMessage);
  t.same(told, [{ kind: 'busy' }], 'one worker was busy, and it told once');
});

t.test('a device that fails ends the loop with its errno', async (t) => {
  t.equal(run(new Device(-1), {}).end, -EBADF);
});

t.test('an answer that the kernel does not want any more is taken back', async (t) => {
  for (const refusal of [-ENOENT, -ENODEV]) {
    let undone = 0;
    const { log } = run(new RefusingDevice(bytesOf(lookup), refusal), found, { undo: () => undone++ });
    t.equal(undone, 1);
    t.same(log.errors, []);
  }
});

t.test('one that it finds wrong is taken back, told and replaced', async (t) => {
  let undone = 0;
  const device = new RefusingDevice(bytesOf(lookup), -EINVAL);
  const { log } = run(device, found, { undo: () => undone++ });
  t.equal(undone, 1);
  t.match(log.errors, [{ event: 'answer_refused', request: /LOOKUP/, error: 'EINVAL' }]);
  t.equal(device.written.length, 2);
  t.equal(decodeReply(operations.LOOKUP, device.written[1] as Uint8Array).error, -EIO);
});

t.test('an error carries nothing', async (t) => {
  const device = new RefusingDevice(bytesOf(lookup), -EINVAL);
  const { log } = run(device, { LOOKUP: () => -ENOENT }, { undo: () => t.fail('nothing to take back') });
  t.equal(device.written.length, 1);
  t.equal(log.errors.length, 1);
});

t.test('too many descriptors are reported', async (t) => {
  const message = bytesOf(lookup);
  const { told } = run(new RefusingDevice(message, 0), found, { descriptors: () => 101 });
  t.same(told[0], { kind: 'descriptors-short', exhausted: false });
  t.same(run(new RefusingDevice(message, 0), found, { descriptors: () => 100 }).told, [{ kind: 'busy' }]);
});

t.test('what was parked while this worker waited for its turn is looked after by it', async (t) => {
  const device = new RefusingDevice(bytesOf(lookup), 0);
  const { exchange } = exchangeOf(found, { device });
  const events: string[] = [];
  let due: number | undefined;
  device.hasMessage = (milliseconds) => {
    events.push(`waits ${milliseconds} ms for a message`);
    return false;
  };
  const read = device.read.bind(device);
  device.read = () => {
    events.push('reads');
    return read();
  };
  Object.defineProperty(exchange, 'dueIn', { get: () => due });
  exchange.refresh = () => {
    if (due !== undefined) events.push('may go on');
    due = undefined;
  };
  const turn = new ReadTurn(ReadTurn.allocate(), 0);
  const { await: wait, atWork } = turn;
  turn.await = () => {
    if (events.length === 0) due = 7;
    return wait.call(turn);
  };
  turn.atWork = () => {
    if (events.at(-1) === 'may go on') events.push('another takes its turn');
    atWork.call(turn);
  };
  const occupancy = new Occupancy(Occupancy.allocate());
  const end = serve({ device, exchange, occupancy, turn, descriptorBudget: 100, tell: () => {} });
  t.equal(end, ENDED);
  t.same(events, ['waits 7 ms for a message', 'may go on', 'another takes its turn', 'reads', 'reads']);
  t.equal(occupancy.waiting, 0);
});
