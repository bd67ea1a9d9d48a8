// Requests that are put aside and taken up, by the loop of a single worker over real layers: every step is in the test's hand.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { EINTR, ENOENT } from '../../protocol/errno.ts';
import {
  decodeReply,
  encodeRequest,
  type NodeId,
  type Operation,
  operationOf,
} from '../../protocol/index.ts';
import { FileSystem } from '../../src/layers/filesystem.ts';
import { handlers, undo } from '../../src/ops/index.ts';
import { Device, ENDED } from '../../src/session/device.ts';
import { Exchange } from '../../src/session/handle.ts';
import { RequestSlots } from '../../src/session/interrupt.ts';
import { LockWaits } from '../../src/session/lockwaits.ts';
import { Occupancy } from '../../src/session/occupancy.ts';
import { Parker } from '../../src/session/parker.ts';
import { Parking } from '../../src/session/parking.ts';
import { ReadTurn } from '../../src/session/readturn.ts';
import { serve } from '../../src/session/serve.ts';
import type { Draft } from './kernel.ts';
import { releaseLayers, sampleLayers } from './layers.ts';
import { dialect, self } from './real-session.ts';

const name = (text: string) => Buffer.from(`${text}\0`);
const ME = 200; // an owner of locks that is no worker

/** What happens next: a message comes, or something else has happened before it does. */
type Step = (Draft & { unique?: number }) | (() => void);

/** A device on which the steps come one after the other, and what was written to it. */
class ScriptedDevice extends Device {
  readonly answers: { unique: number; error: number; operation: string }[] = [];
  readonly opcodes = new Map<number, Operation>();
  over = false;
  refuse: number[] = [];
  #steps: Step[] = [];
  #unique = 0;

  constructor() {
    super(-1);
  }

  play(steps: Step[]): void {
    this.#steps = steps;
  }

  override get ended(): boolean {
    return this.over;
  }

  override read(): number {
    for (;;) {
      const step = this.#steps.shift();
      if (step === undefined) return ENDED;
      if (typeof step === 'function') {
        step();
        continue;
      }
      this.#unique = step.unique ?? this.#unique + 2;
      const message = encodeRequest({ unique: this.#unique, nodeid: 1, ...self, ...step }, dialect);
      this.opcodes.set(this.#unique, operationOf(Buffer.from(message).readUInt32LE(4)) as Operation);
      this.request.set(message);
      return message.length;
    }
  }

  override write(length: number): number {
    const bytes = this.reply.slice(0, length);
    const unique = Number(Buffer.from(bytes.subarray(8, 16)).readBigUInt64LE());
    const operation = this.opcodes.get(unique) as Operation;
    const { error } = decodeReply(operation, bytes);
    this.answers.push({ unique, error: error as number, operation: operation.name });
    return this.refuse.includes(unique) ? -ENOENT : 0;
  }
}

function loop(t: Test, { places = 8 } = {}) {
  const folder = t.testdir({});
  const setup = sampleLayers(folder);
  const device = new ScriptedDevice();
  const slots = new RequestSlots(RequestSlots.allocate(2));
  const patience = { ends: false };
  const { request, reply } = device;
  const parking = new Parking(Parking.allocate(places));
  const parker = new Parker(parking, new LockWaits(LockWaits.allocate(1)), 0, request);
  const fs = new FileSystem(
    setup,
    1,
    () => patience.ends || slots.interrupted(0),
    (node) => parker.mayWait(node),
  );
  const exchange = new Exchange({
    served: { handlers, undo },
    request,
    reply,
    dialect,
    fs,
    slots,
    index: 0,
    parker,
    debug: true,
  });
  t.teardown(() => releaseLayers(setup));
  const play = (...steps: Step[]) => {
    device.answers.length = 0;
    device.play(steps);
    const occupancy = new Occupancy(Occupancy.allocate());
    const turn = new ReadTurn(ReadTurn.allocate(), 0);
    serve({ device, exchange, occupancy, turn, descriptorBudget: 1000, tell: () => {} });
    return device.answers.map(({ unique, error }) => (error === 0 ? unique : [unique, error]));
  };
  play({ operation: 'LOOKUP', names: [name('hello')], unique: 1000 });
  const node = fs.table.find(1 as NodeId, name('hello'));
  const lock = () => void fs.table.tryLockNode(node, ME);
  const unlock = () => void fs.table.unlockNode(node, ME);
  const open = (unique: number): Step => ({ operation: 'OPEN', nodeid: node, fields: { flags: 1 }, unique });
  const statfs = (unique: number): Step => ({ operation: 'STATFS', unique });
  const inHand = () => slots.inHand(0);
  return {
    device,
    folder,
    fs,
    node,
    parking,
    parker,
    slots,
    patience,
    play,
    lock,
    unlock,
    open,
    statfs,
    inHand,
  };
}

t.test('they are answered when the lock is free, in their order', async (t) => {
  const { play, lock, unlock, open, statfs, parking, inHand } = loop(t);
  const parked = () => {
    t.equal(parking.count, 3);
    t.equal(inHand(), undefined, 'and the worker has nothing in hand');
  };
  const steps = [lock, open(2), open(4), statfs(6), open(8), parked, unlock, statfs(10)];
  t.same(play(...steps), [6, 10, 2, 4, 8]);
  t.equal(parking.count, 0);
});

t.test('every request that takes a lock, and nothing is done before', async (t) => {
  const { play, lock, unlock, node, fs, statfs, parking, folder } = loop(t);
  const acl = Buffer.alloc(65_536, 'x');
  const lookups = fs.table.stats();
  const waits: Step[] = [
    { operation: 'SETATTR', nodeid: node, fields: { valid: 1, mode: 0o100600 }, unique: 2 },
    {
      operation: 'SETXATTR',
      nodeid: node,
      fields: { size: acl.length },
      names: [name('user.a')],
      payload: acl,
      unique: 4,
    },
    { operation: 'REMOVEXATTR', nodeid: node, names: [name('user.a')], unique: 6 },
    { operation: 'CREATE', fields: { flags: 1, mode: 0o100600 }, names: [name('hello')], unique: 8 },
    { operation: 'LINK', fields: { oldnodeid: node }, names: [name('second')], unique: 10 },
    { operation: 'RENAME', fields: { newdir: 1 }, names: [name('hello'), name('new')], unique: 12 },
    { operation: 'RENAME2', fields: { newdir: 1 }, names: [name('new'), name('hello')], unique: 14 },
    { operation: 'UNLINK', names: [name('hello')], unique: 16 },
  ];
  const before = () => {
    t.equal(parking.count, 8);
    t.same(fs.table.stats(), { ...lookups, bytesUsed: fs.table.stats().bytesUsed });
    t.notOk(existsSync(join(folder, 'upper', 'hello')));
  };
  const answers = play(lock, ...waits, before, unlock, statfs(18));
  t.same(
    answers.map((answer) => (typeof answer === 'number' ? answer : answer[0])),
    [18, 2, 4, 6, 8, 10, 12, 14, 16],
  );
});

t.test('an interrupted one is answered at once, and only once', async (t) => {
  const { play, lock, unlock, open, statfs } = loop(t);
  const interrupt: Step = { operation: 'INTERRUPT', fields: { unique: 4 }, unique: 5 };
  t.same(play(lock, open(2), open(4), open(6), interrupt, unlock, statfs(8)), [[4, -EINTR], 8, 2, 6]);
});

t.test('one that is interrupted before it could be put aside', async (t) => {
  const { play, lock, unlock, open, parking, parker, slots } = loop(t);
  const mayWait = parker.mayWait.bind(parker);
  parker.mayWait = (node) => {
    t.ok(slots.interrupt(2, 0));
    return mayWait(node);
  };
  t.same(play(lock, open(2)), [[2, -EINTR]]);
  t.equal(parking.count, 0);
  unlock();
});

t.test('what a refused answer carried is taken back', async (t) => {
  const { play, lock, unlock, open, statfs, device, fs, node } = loop(t);
  device.refuse = [2];
  t.same(play(lock, open(2), open(4), unlock, statfs(6)), [6, 2, 4]);
  t.equal(fs.table.openHandles.openCount(node), 1);
});

t.test('one that finds the lock busy again keeps its turn', async (t) => {
  const { play, lock, unlock, open, statfs, fs, node, parking } = loop(t);
  // Somebody else takes the lock between the look and the try.
  let thieves = 2;
  const tryLockNode = fs.table.tryLockNode.bind(fs.table);
  const steal = () => {
    fs.table.tryLockNode = (wanted, owner) => {
      if (owner !== ME && thieves-- > 0) lock();
      return tryLockNode(wanted, owner);
    };
  };
  const twice = [statfs(6), unlock, statfs(8), unlock, statfs(10)];
  t.same(play(lock, open(2), open(4), steal, unlock, ...twice), [6, 8, 10, 2, 4]);
  t.equal(parking.count, 0);
  t.equal(fs.table.lockOwner(node), 0);
});

t.test('without a place they wait as long as it takes', async (t) => {
  const { play, lock, unlock, open, statfs, patience } = loop(t, { places: 2 });
  // Nobody else is there to end the wait: an interrupt does.
  const interrupt = () => {
    patience.ends = true;
  };
  const calm = () => {
    patience.ends = false;
  };
  const answers = play(lock, open(2), open(4), interrupt, open(6), calm, statfs(8), unlock, statfs(10));
  t.same(answers, [[6, -EINTR], 8, 10, 2, 4]);
});

t.test('a listing waits for nobody', async (t) => {
  const { play, lock, unlock, parking, fs } = loop(t);
  let fh = 0;
  const opened = play({ operation: 'OPENDIR', unique: 2 });
  t.same(opened, [2]);
  for (let fd = 0; fd < 1000 && fh === 0; fd++) if (fs.table.handleKind(fd) === 2) fh = fd;
  const list: Step = { operation: 'READDIRPLUS', fields: { fh, size: 4096 }, unique: 4 };
  t.same(play(lock, list, { operation: 'RELEASEDIR', fields: { fh }, unique: 6 }), [4, 6]);
  t.equal(parking.count, 0);
  unlock();
});

t.test('when the connection is over, nothing more is done for them', async (t) => {
  const { play, lock, unlock, open, statfs, device, folder } = loop(t);
  const end = () => {
    device.over = true;
  };
  t.same(play(lock, open(2), end, unlock, statfs(4)), [4]);
  t.notOk(existsSync(join(folder, 'upper', 'hello')));
});
