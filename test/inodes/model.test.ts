// Random sequences of operations against the model, with fixed seeds: after each operation the answer, and at the
// end of each sequence the whole state, must be the same.

import fc from 'fast-check';
import t from 'tap';
import { EINVAL, ELOOP, ENOENT } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { type InodeTable, newIdentity, newNameRef, ROOT_ID } from '../../src/inodes/table.ts';
import { DIR, Model } from './model.ts';
import { cname, FILE, object, smallTable } from './support.ts';

class Mismatch extends Error {}

function same(got: unknown, wanted: unknown, what: string): void {
  if (got !== wanted) throw new Mismatch(`${what}: got ${got}, wanted ${wanted}`);
}

const small = fc.nat({ max: 40 });
const operation = fc.record({
  kind: fc.constantFrom(
    'intern',
    'intern',
    'intern',
    'intern',
    'forget',
    'forget',
    'forget',
    'link',
    'unlink',
    'rename',
    'rename',
    'exchange',
    'rebind',
    'orphan',
    'openHandle',
    'closeHandle',
    'lock',
    'unlock',
    'setDir',
    'pin',
  ),
  a: small,
  b: small,
  name: fc.nat({ max: 4 }),
  other: fc.nat({ max: 4 }),
  ino: fc.integer({ min: 5, max: 12 }),
  isDirectory: fc.boolean(),
});
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

const NAMES = ['a', 'bb', 'a name of thirty-one characters', 'n'.repeat(255), 'é'];

class Run {
  readonly table: InodeTable = smallTable();
  readonly model = new Model();
  readonly closing: number[] = [];
  #fd = 1000;

  apply(op: Operation): void {
    const ids = [...this.model.nodes.keys()];
    const dirs = ids.filter((id) => this.model.node(id).type === DIR);
    const a = ids[op.a % ids.length] as NodeId;
    const dirA = dirs[op.a % dirs.length] as NodeId;
    const dirB = dirs[op.b % dirs.length] as NodeId;
    const name = NAMES[op.name] as string;
    const other = NAMES[op.other] as string;
    this.#step(op, a, dirA, dirB, name, other);
    this.model.settle();
    this.table.reap(this.closing);
    same([...this.closing].sort().join(), [...this.model.closing].sort().join(), 'descriptors handed out');
    same(this.table.stats().nodes, this.model.nodes.size, 'nodes');
    same(this.table.stats().dentries, this.model.dentries.size, 'dentries');
  }

  #step(op: Operation, a: NodeId, dirA: NodeId, dirB: NodeId, name: string, other: string): void {
    const { table, model } = this;
    const node = model.node(a);
    switch (op.kind) {
      case 'intern':
        this.#intern(dirA, name, op.isDirectory ? DIR : FILE, op.ino);
        return;
      case 'forget': {
        const count = op.b % 3;
        table.forget(a, count, this.closing);
        if (a !== ROOT_ID) node.lookups = Math.max(0, node.lookups - count);
        return;
      }
      case 'link': {
        const loop = node.type === DIR && model.isWithin(dirB, a);
        same(table.link(dirB, cname(name), a), loop || a === ROOT_ID ? -ELOOP : 0, 'link');
        if (loop || a === ROOT_ID) return;
        if (model.dentries.get(`${dirB}/${name}`) !== a) model.give(`${dirB}/${name}`, a);
        node.hashed = true;
        return;
      }
      case 'unlink': {
        const there = model.dentries.get(`${dirA}/${name}`);
        same(table.unlink(dirA, cname(name)), there ?? 0, 'unlink');
        if (there === undefined) return;
        model.drop(`${dirA}/${name}`);
        if (model.node(there).type === DIR) model.node(there).hashed = false;
        return;
      }
      case 'rename':
        this.#rename(
          `${dirA}/${name}`,
          `${dirB}/${other}`,
          table.rename(dirA, cname(name), dirB, cname(other)),
        );
        return;
      case 'exchange':
        this.#exchange(dirA, name, dirB, other);
        return;
      case 'rebind':
        if (a !== ROOT_ID) this.#rebind(a, op.ino);
        return;
      case 'orphan':
        table.orphan(a);
        if (a !== ROOT_ID) node.hashed = false;
        return;
      case 'openHandle':
        same(table.openHandle(op.b, a, 0, 1) === 0, !model.handles.has(op.b), 'openHandle');
        if (model.handles.has(op.b)) return;
        model.handles.set(op.b, a);
        node.handles.unshift(op.b);
        return;
      case 'closeHandle': {
        const owner = model.handles.get(op.b);
        same(table.closeHandle(op.b, this.closing), owner !== undefined, 'closeHandle');
        if (owner === undefined) return;
        model.handles.delete(op.b);
        model.node(owner).handles = model.node(owner).handles.filter((fd) => fd !== op.b);
        return;
      }
      case 'lock':
        same(table.tryLockNode(a, 7), !node.locked, 'tryLockNode');
        node.locked = true;
        return;
      case 'unlock':
        same(table.unlockNode(a, 7), node.locked, 'unlockNode');
        node.locked = false;
        return;
      case 'setDir': {
        const fd = this.#fd++;
        const old = table.setDir(dirA, op.b % 2, fd, 0, op.ino, 0);
        const dir = model.node(dirA);
        if (old >= 0) same(dir.fds.includes(old), true, 'the old descriptor');
        dir.fds = [...dir.fds.filter((known) => known !== old), fd];
        return;
      }
      case 'pin': {
        const fd = this.#fd++;
        if (table.pin(a, fd)) node.fds.push(fd);
        return;
      }
    }
  }

  #intern(dir: NodeId, name: string, type: number, ino: number): void {
    const { table, model } = this;
    const key = `1:${ino}`;
    const path = `${dir}/${name}`;
    const there = model.dentries.get(path);
    const got = table.intern(dir, cname(name), object(type, ino));
    if (there !== undefined && model.node(there).type === type && model.node(there).key === key) {
      same(got, there, 'intern of a known name');
      model.put(path, there);
    } else {
      const twins = model.twins(type, key);
      if (got === -ELOOP) {
        same(type === DIR && twins.some((twin) => model.isWithin(dir, twin)), true, 'intern refused');
        return;
      }
      if (twins.length > 0) same(twins.includes(got), true, 'intern of a known object');
      else {
        same(got > 0 && !model.everUsed.has(got), true, `a new id (${got})`);
        model.create(got, type, key);
      }
      same(type === DIR && model.isWithin(dir, got), false, 'no loop');
      model.give(path, got);
    }
    model.node(got).lookups++;
  }

  #rebind(id: NodeId, ino: number): void {
    const { table, model } = this;
    const node = model.node(id);
    const key = `0:${ino}`;
    const identity = { ...newIdentity(), layer: 0, inoLo: ino };
    const other = table.showing(identity, node.type);
    const twins = model.twins(node.type, key);
    same(other === 0 ? twins.length === 0 : twins.includes(other), true, 'the node that shows it');
    same(table.rebind(id, identity), 0, 'rebind');
    node.key = key;
    if (other === 0 || other === id || node.type === DIR || !node.hashed) return;
    const own = node.names[0];
    for (const name of [...model.node(other).names]) model.put(name, id);
    if (own !== undefined) model.put(own, id);
    model.node(other).hashed = false;
  }

  #rename(from: string, to: string, got: number): void {
    const { model } = this;
    const moved = model.dentries.get(from);
    const target = model.dentries.get(to);
    if (moved === undefined) {
      same(got, target ?? -ENOENT, 'rename of an unknown name');
      if (target === undefined) return;
      model.drop(to);
      if (model.node(target).type === DIR) model.node(target).hashed = false;
      return;
    }
    if (model.node(moved).type === DIR && model.isWithin(Number(to.split('/')[0]), moved)) {
      same(got, -EINVAL, 'rename into itself');
      return;
    }
    same(got, target === moved ? 0 : (target ?? 0), 'rename');
    if (target === moved) return;
    if (target !== undefined && model.node(target).type === DIR) model.node(target).hashed = false;
    model.put(to, moved);
    model.drop(from);
  }

  #exchange(dirA: NodeId, name: string, dirB: NodeId, other: string): void {
    const { table, model } = this;
    const [a, b] = [`${dirA}/${name}`, `${dirB}/${other}`];
    const nodeA = model.dentries.get(a);
    const nodeB = model.dentries.get(b);
    const got = table.exchange(dirA, cname(name), dirB, cname(other));
    if (nodeA === undefined || nodeB === undefined) {
      if (nodeA !== undefined) this.#rename(a, b, got);
      else if (nodeB !== undefined) this.#rename(b, a, got);
      else same(got, -ENOENT, 'exchange of nothing');
      return;
    }
    const loop = model.isWithin(dirB, nodeA) || model.isWithin(dirA, nodeB);
    same(got, loop ? -EINVAL : 0, 'exchange');
    if (loop) return;
    model.put(a, nodeB);
    model.put(b, nodeA);
  }

  check(): void {
    const { table, model } = this;
    const ref = newNameRef();
    const out = new Int32Array(64);
    for (const id of model.everUsed)
      same(table.exists(id as NodeId), model.nodes.has(id), `node ${id} exists`);
    for (const [path, id] of model.dentries) {
      const [parent, name] = path.split('/') as [string, string];
      same(table.find(Number(parent) as NodeId, cname(name)), id, `find ${path}`);
    }
    for (const node of model.nodes.values()) {
      const id = node.id as NodeId;
      same(table.type(id), node.type, 'type');
      same(table.names(id), node.names.length, 'number of names');
      if (id !== ROOT_ID) same(table.lookups(id), node.lookups, 'lookups');
      same(table.nameOf(id, ref), node.names.length > 0, 'nameOf');
      if (node.names.length > 0) {
        same(
          `${ref.parent}/${Buffer.from(ref.bytes).toString('utf8', 0, ref.length)}`,
          node.names[0],
          'the most recent name',
        );
      }
      same(out.subarray(0, table.handles(id, out)).join(), node.handles.join(), 'handles');
    }
    same(table.stats().handles, model.handles.size, 'handles');
  }

  /** Lets everything go: nothing may be left. */
  end(): void {
    const { table, model } = this;
    for (const fd of model.handles.keys()) table.closeHandle(fd, this.closing);
    for (const node of model.nodes.values()) {
      const id = node.id as NodeId;
      table.unlockNode(id, 7);
      if (id !== ROOT_ID && node.lookups > 0) table.forget(id, node.lookups, this.closing);
    }
    table.reap(this.closing);
    same(table.stats().nodes, 1, 'nodes at the end');
    same(table.stats().dentries, 0, 'dentries at the end');
    const rootFds = model.node(ROOT).fds.length;
    same(table.descriptors(), rootFds, 'descriptors at the end');
    same(new Set(this.closing).size, this.closing.length, 'no descriptor is handed out twice');
  }
}

const ROOT = 1;

for (const seed of [1, 20, 300]) {
  t.test(`seed ${seed}`, async (t) => {
    fc.assert(
      fc.property(fc.array(operation, { minLength: 1, maxLength: 150, size: 'max' }), (operations) => {
        const run = new Run();
        for (const op of operations) run.apply(op);
        run.check();
        run.end();
      }),
      { seed, numRuns: 150 },
    );
    t.pass();
  });
}
