// The hash of names, the chains that grow bucket by bucket, and names whose hashes are the same.

import t from 'tap';
import { Buckets } from '../../src/inodes/buckets.ts';
import { Dentries } from '../../src/inodes/dentries.ts';
import { Hash } from '../../src/inodes/hash.ts';
import { Nodes } from '../../src/inodes/nodes.ts';
import { Pool } from '../../src/inodes/records.ts';
import { Region } from '../../src/inodes/region.ts';
import { cname, FILE, object } from './support.ts';

const region = (): Region => Region.reserve({ bytes: 1 << 20, layers: 2, handles: 16 });

t.test('every byte, the length and the parent count', async (t) => {
  const hash = new Hash(region());
  const seen = new Set<number>();
  for (let length = 1; length < 64; length++) {
    const bytes = new Uint8Array(length).fill(1);
    for (let parent = 1; parent < 4; parent++) seen.add(hash.name(parent, bytes, length));
    for (let i = 0; i < length; i++) {
      const changed = bytes.slice();
      changed[i] = 0x81;
      seen.add(hash.name(1, changed, length));
    }
  }
  t.equal(seen.size, 63 * 3 + (63 * 64) / 2);
});

t.test('the key is another in each mount', async (t) => {
  const name = cname('name');
  const hashes = new Set(Array.from({ length: 8 }, () => new Hash(region()).name(1, name, 4)));
  t.equal(hashes.size, 8);
});

t.test('similar names spread evenly', async (t) => {
  const hash = new Hash(region());
  const counts = new Uint32Array(1 << 12);
  for (let i = 0; i < 1 << 15; i++) {
    const name = cname(`file-${i}`);
    const bucket = hash.name(1, name, name.length - 1) & 0xfff;
    counts[bucket] = (counts[bucket] as number) + 1;
  }
  t.ok(Math.max(...counts) < 32, 'eight on average');
});

t.test('chains stay short while they grow, and keep their records', async (t) => {
  const header = new Int32Array(8);
  const pool = new Pool(new Int32Array(20_000), 2, 0, header, 0);
  const heads = new Int32Array(4096);
  const buckets = new Buckets(heads, header, 4, pool, 0, (index) => pool.get(index, 1));
  const find = (index: number) => {
    let at = buckets.first(pool.get(index, 1));
    let steps = 1;
    for (; at !== 0 && at !== index; steps++) at = pool.get(at, 0);
    return at === 0 ? Number.POSITIVE_INFINITY : steps;
  };
  const indexes: number[] = [];
  for (let i = 0; i < 9000; i++) {
    const index = pool.take();
    pool.set(index, 1, Math.imul(i, 0x9e3779b1));
    buckets.insert(index, pool.get(index, 1));
    indexes.push(index);
    if (i === 4000) t.ok(Math.max(...indexes.map(find)) <= 8);
  }
  t.equal(buckets.entries, 9000);
  t.equal(buckets.bytes, 4096 * 4, 'no more buckets than there is room for');
  t.ok(Math.max(...indexes.map(find)) < 32);
  for (const index of indexes) if (!buckets.remove(index, pool.get(index, 1))) t.fail(`${index}`);
  t.notOk(buckets.remove(1, pool.get(1, 1)));
  t.equal(
    heads.findIndex((head) => head !== 0),
    -1,
  );
});

t.test('names with the same hash', async (t) => {
  const memory = region();
  const nodes = new Nodes(memory, new Hash(memory));
  const constant = { name: () => 7, words: () => 7 } as unknown as Hash;
  const dentries = new Dentries(memory, nodes, constant);
  const slots = [0, 1, 2, 3].map((i) => nodes.create(object(FILE, i)));
  const names = ['same', 'Same', 'samE', 'same1', 'sam'];
  const made = slots
    .slice(0, 2)
    .map((parent) => names.map((name) => dentries.create(parent, cname(name), 7, slots[2] as number)));
  for (const [i, parent] of slots.slice(0, 2).entries()) {
    for (const [j, name] of names.entries()) t.equal(dentries.find(parent, cname(name), 7), made[i]?.[j]);
  }
  t.equal(dentries.find(slots[3] as number, cname('same'), 7), 0);
  t.equal(dentries.drop(made[0]?.[1] as number), slots[0]);
  t.equal(dentries.find(slots[0] as number, cname('Same'), 7), 0);
  t.equal(dentries.find(slots[1] as number, cname('Same'), 7), made[1]?.[1]);
});
