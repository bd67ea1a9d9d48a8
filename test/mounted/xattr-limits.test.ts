// Extended attributes as large, as many and with names as long as they may be, and beyond: a mount answers as the storage does, and a
// copy-up carries what is there.

import { mkdirSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { errnoName } from '../../protocol/errno.ts';
import { XATTR_CREATE, XATTR_REPLACE } from '../../src/sys/constants.ts';
import { cstring } from '../../src/sys/cstring.ts';
import { getxattr, listxattr, removexattr, setxattr } from '../../src/sys/xattr.ts';
import { type Backing, mountTest, sh, whereIs, xattrsOf } from './support.ts';

const MOST = 65_536;
const bytes = new Uint8Array(2 * MOST + 1);
const shown = (result: number): string => (result < 0 ? errnoName(-result) : `${result}`);

/** `length` bytes that tell where they are. */
const value = (length: number, seed = 0) =>
  Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8) + seed) & 255);

function set(file: string, name: string, length: number, flags = 0): string {
  return shown(setxattr(cstring(file), cstring(name), value(length, name.length), length, flags));
}

function get(file: string, name: string, size: number): string {
  const length = getxattr(cstring(file), cstring(name), bytes, size);
  if (length <= 0 || size === 0) return shown(length);
  const same = Buffer.compare(value(length, name.length), bytes.subarray(0, length)) === 0;
  return same ? `${length}` : `${length} other bytes`;
}

const list = (file: string, size: number) => shown(listxattr(cstring(file), bytes, size));
const remove = (file: string, name: string) => shown(removexattr(cstring(file), cstring(name)));

/** What is answered at each limit and past it, by an object that has no attributes and has none afterwards. */
function askAll(file: string): Record<string, string> {
  const answers: Record<string, string> = {};
  for (const length of [0, 1, 255, 4000, 4096, 16_384, MOST - 1, MOST, MOST + 1, 2 * MOST]) {
    answers[`set ${length}`] = set(file, 'user.value', length);
    for (const size of [0, 1, length - 1, length, length + 1, MOST, 2 * MOST]) {
      if (size >= 0) answers[`get ${length} into ${size}`] = get(file, 'user.value', size);
    }
    if (answers[`set ${length}`] === '0')
      answers[`replace ${length}`] = set(file, 'user.value', length, XATTR_REPLACE);
    answers[`create ${length}`] = set(file, 'user.value', length, XATTR_CREATE);
    answers[`remove ${length}`] = remove(file, 'user.value');
  }
  for (const length of [5, 6, 254, 255, 256, 257, 1000]) {
    const name = `user.${'n'.repeat(length - 5)}`;
    answers[`set a name of ${length}`] = set(file, name, 3);
    answers[`get it (${length})`] = get(file, name, 10);
    answers[`list it (${length})`] = list(file, 0);
    answers[`list it (${length}) into too little`] = list(file, Math.min(length, 256));
    answers[`remove it (${length})`] = remove(file, name);
  }
  return answers;
}

/** As many names of `length` bytes as there may be. @returns how many, what the next one is answered, and what a list is, into several sizes */
function fill(file: string, length: number, most: number): string[] {
  let count = 0;
  let last = '0';
  for (; count < most && last === '0'; count++) last = set(file, `user.${count}`.padEnd(length, '.'), 1);
  return [`${count}`, last, ...[0, 1, 4096, MOST - 1, MOST, 2 * MOST].map((size) => list(file, size))];
}

/** The longest values that a storage holds beside others, and how many names of 64 bytes. */
const ROOM: [Backing, number, number][] = [
  ['tmpfs', MOST, 900],
  ['xfs', MOST, 900],
  ['btrfs', 16_000, 900],
  ['ext4', 1200, 10],
];

for (const [backing, large, many] of ROOM) {
  await mountTest(
    t,
    `extended attributes at their limits, ${backing}`,
    {
      root: true,
      backing,
      size: backing === 'tmpfs' ? '64M' : '600M',
      prepare: ({ upper, lower: [lower = ''] }) => {
        for (const layer of [upper, lower]) {
          const age = layer === upper ? 'new' : 'old';
          for (const name of [age, `${age}-plain`, `${age}-many`, `${age}-many-plain`])
            writeFileSync(`${layer}/${name}`, 'content');
          for (const name of ['merged', 'merged-many', 'plain', 'plain-many']) mkdirSync(`${layer}/${name}`);
        }
      },
    },
    (t, m) => {
      const old = m.lower[0] as string;
      const plain = { old: `${old}/old-plain`, new: `${m.upper}/new-plain`, merged: `${m.upper}/plain` };
      for (const [name, beside] of Object.entries(plain)) {
        const model = askAll(beside);
        t.same(askAll(`${m.mnt}/${name}`), model, name);
        t.match(model, { 'set 65537': 'E2BIG', 'set a name of 256': 'ERANGE', 'get it (256)': 'ERANGE' });
        if (large === MOST) t.match(model, { 'set 65536': '0', 'get 65536 into 65535': 'ERANGE' });
        t.same(xattrsOf(`${m.mnt}/${name}`), {}, 'nothing is left');
      }
      for (const layer of [old, m.upper]) t.same(xattrsOf(`${layer}/merged`), {}, 'on no side');

      // 257 names of 255 bytes make a list that is longer than any may be.
      for (const [name, beside] of [
        ['old-many', `${old}/old-many-plain`],
        ['new-many', `${m.upper}/new-many-plain`],
        ['merged-many', `${m.upper}/plain-many`],
      ] as const) {
        const model = fill(beside, 255, 257);
        // The kernel tells of no FUSE file that its list is longer than may be.
        if (Number(model[2]) > MOST) model[2] = `${MOST}`;
        t.same(fill(`${m.mnt}/${name}`, 255, 257), model, `${name}: the longest list`);
      }
      t.equal(whereIs(m, 'old-many'), 'lower', 'attributes move no file');
    },
  );

  await mountTest(
    t,
    `a copy-up carries many and large attributes, ${backing}`,
    {
      root: true,
      backing,
      size: backing === 'tmpfs' ? '64M' : '600M',
      prepare: ({ lower: [lower] }) => {
        mkdirSync(`${lower}/dir`);
        for (const file of [`${lower}/dir`, `${lower}/dir/file`]) {
          if (file.endsWith('file')) writeFileSync(file, 'content');
          for (const [name, length] of [
            ['user.large', large],
            ['trusted.large', large],
            ['user.empty', 0],
            [`user.${'n'.repeat(250)}`, 255],
          ] as const)
            if (set(file, name, length) !== '0')
              throw new Error(`${name} of ${length}: ${set(file, name, length)}`);
          fill(file, 64, many);
        }
      },
    },
    (t, m) => {
      const [dir, file] = ['dir', 'dir/file'].map((name) => xattrsOf(`${m.lower[0]}/${name}`));
      t.ok(Object.keys(file ?? {}).length > many);
      t.same(xattrsOf(`${m.mnt}/dir/file`), file, 'seen below');
      sh('echo more >>dir/file', { cwd: m.mnt });
      t.equal(whereIs(m, 'dir/file'), 'upper');
      t.same(xattrsOf(`${m.upper}/dir/file`), file);
      t.same(xattrsOf(`${m.mnt}/dir/file`), file);
      t.same(xattrsOf(`${m.upper}/dir`), dir, 'and its directory’s');
      t.notMatch(m.log(), /level=(?:error|warn)/);
    },
  );
}
