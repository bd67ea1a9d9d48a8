// One of several threads on one table; the tests next to this file start it. It runs the built code, as a mount does.

import { parentPort, workerData } from 'node:worker_threads';
import { InodeTable, newNameRef, newNewNode, ROOT_ID } from '../../dist/src/inodes/table.js';

const { region, shared, role, index, rounds } = workerData;
const table = new InodeTable(region);
const words = new Int32Array(shared);
const FILE = 0o100000;
const DIRECTORY = 0o040000;

// Words of the shared buffer: see hammer.test.ts.
const [START, STOP, COUNTER, INSIDE, WRITERS, FD, FLAG] = [0, 1, 2, 3, 4, 5, 6];

let state = 0x9e3779b9 ^ (index * 0x85ebca6b);
function random(below) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % below;
}

const cname = (text) => Buffer.from(`${text}\0`);
const never = () => false;

// Sleeps in a lock, so that the others come to wait for it even where threads share a core.
const hold = (milliseconds) => milliseconds && Atomics.wait(words, 15, 0, milliseconds);

const roles = {
  // Everything at once on few names, so that the threads meet.
  churn() {
    const names = Array.from({ length: 6 }, (_, i) => cname(`${'name'.repeat(i * 3 + 1)}${i}`));
    const node = newNewNode();
    const ref = newNameRef();
    const held = [];
    const closing = [];
    const opened = [];
    const path = new Uint8Array(4096);
    const list = new Int32Array(64);
    let given = 0;
    const ids = new Set();
    for (let round = 0; round < rounds; round++) {
      const some = () => (held.length === 0 ? ROOT_ID : held[random(held.length)]);
      const name = names[random(names.length)];
      const other = names[random(names.length)];
      const dir = some();
      switch (random(14)) {
        case 0:
        case 1:
        case 2:
        case 3: {
          node.type = random(2) ? FILE : DIRECTORY;
          node.inoLo = 10 + random(30);
          node.layer = node.device = 1;
          const id = table.intern(dir, name, node);
          if (id > 0) {
            held.push(id);
            ids.add(id);
          }
          break;
        }
        case 4:
        case 5:
        case 6: {
          if (held.length === 0) break;
          const [id] = held.splice(random(held.length), 1);
          if (!table.exists(id)) throw new Error(`node ${id} is gone although this thread holds it`);
          table.forget(id, 1, closing);
          break;
        }
        case 7:
          table.rename(dir, name, some(), other);
          break;
        case 8:
          table.unlink(dir, name);
          break;
        case 9:
          table.exchange(dir, name, some(), other);
          break;
        case 10: {
          const fd = Atomics.add(words, FD, 1);
          const old = table.setDir(dir, random(2), fd, 0, 1, 0);
          if (old < -1) closing.push(fd);
          if (old >= 0) closing.push(old);
          given++;
          break;
        }
        case 11: {
          const fd = 1 + index * 100 + random(50);
          if (table.closeHandle(fd, closing)) opened.splice(opened.indexOf(fd), 1);
          else if (table.openHandle(fd, dir, 0, 1) === 0) {
            opened.push(fd);
            if (table.handleNode(fd) !== dir) throw new Error('a handle shows another node');
          }
          break;
        }
        case 12:
          table.nameOf(dir, ref);
          table.path(dir, path);
          table.handles(dir, list);
          table.clock.giveUp(table.clock.oldest(3), closing);
          break;
        case 13: {
          if (table.lockNode(dir, index + 1, never) !== 0) break;
          table.rebind(dir, { layer: 1, device: 1, inoLo: 10 + random(30), inoHi: 0 });
          if (!table.unlockNode(dir, index + 1)) throw new Error('the lock was lost');
          break;
        }
      }
    }
    for (const fd of opened) table.closeHandle(fd, closing);
    for (const id of held) table.forget(id, 1, closing);
    return { closing, given, ids: [...ids] };
  },

  // A counter that only the lock protects.
  locked({ node }) {
    let longest = 0;
    for (let round = 0; round < rounds; round++) {
      const before = performance.now();
      if (table.lockNode(node, index + 1, never) !== 0) throw new Error('no lock');
      longest = Math.max(longest, performance.now() - before);
      const value = words[COUNTER];
      if (random(8) === 0) for (let i = 0; i < 500; i++) Atomics.load(words, COUNTER);
      words[COUNTER] = value + 1;
      if (!table.unlockNode(node, index + 1)) throw new Error('the lock was lost');
    }
    return { longest };
  },

  // How often each gets the lock while all want it all the time, and how often it gets it right after itself.
  greedy({ node }) {
    let count = 0;
    let repeats = 0;
    while (Atomics.load(words, STOP) === 0) {
      table.lockNode(node, index + 1, never);
      count++;
      if (words[COUNTER] === index + 1) repeats++;
      words[COUNTER] = index + 1;
      hold(1);
      table.unlockNode(node, index + 1);
    }
    return { count, repeats };
  },

  pairs({ nodes }) {
    for (let round = 0; round < rounds; round++) {
      const a = nodes[random(nodes.length)];
      const b = random(5) === 0 ? 0 : nodes[random(nodes.length)];
      if (table.lockTwo(a, b, index + 1, never) !== 0) throw new Error('no locks');
      const value = words[COUNTER + 6 + nodes.indexOf(a)];
      words[COUNTER + 6 + nodes.indexOf(a)] = value + 1;
      table.unlockTwo(a, b, index + 1);
    }
    return {};
  },

  // Waits for a lock that somebody else keeps, until interrupted.
  waiter({ node }) {
    const before = performance.now();
    const result = table.lockNode(node, index + 1, () => Atomics.load(words, FLAG) !== 0);
    return { result, waited: performance.now() - before };
  },

  structureWaiter({ exclusive }) {
    const interrupted = () => Atomics.load(words, FLAG) !== 0;
    const result = exclusive
      ? table.lockStructureExclusive(index + 1, interrupted)
      : table.lockStructureShared(index + 1, interrupted);
    return { result };
  },

  // Readers and writers of the structure lock; `exclusive` may be a share of the rounds.
  structure({ writes, sleep }) {
    let reads = 0;
    let written = 0;
    for (let round = 0; rounds ? round < rounds : Atomics.load(words, STOP) === 0; round++) {
      if (random(100) < writes) {
        table.lockStructureExclusive(index + 1, never);
        if (Atomics.load(words, INSIDE) !== 0 || Atomics.add(words, WRITERS, 1) !== 0)
          throw new Error('not alone');
        words[COUNTER]++;
        hold(sleep);
        Atomics.sub(words, WRITERS, 1);
        table.unlockStructureExclusive(index + 1);
        written++;
      } else {
        table.lockStructureShared(index + 1, never);
        Atomics.add(words, INSIDE, 1);
        if (Atomics.load(words, WRITERS) !== 0) throw new Error('a writer among readers');
        for (let i = 0; i < 200; i++) Atomics.load(words, COUNTER);
        hold(sleep);
        Atomics.sub(words, INSIDE, 1);
        table.unlockStructureShared(index + 1);
        reads++;
      }
    }
    return { reads, written };
  },

  numbers() {
    const out = { lo: 0, hi: 0 };
    const seen = [];
    for (let ino = 0; ino < rounds; ino++) {
      table.presentedOf(300, ino, 0, out);
      seen.push(out.lo);
    }
    return { seen, devices: Array.from({ length: 50 }, (_, i) => table.deviceIndex(i, 7, 1)) };
  },
};

Atomics.add(words, START, 1);
Atomics.notify(words, START);
parentPort.postMessage('ready');
parentPort.once('message', () => parentPort.postMessage(roles[role](workerData)));
