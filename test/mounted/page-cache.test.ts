// What the kernel keeps of files and directories from one open to the next, and that it shows nothing old.

import {
  appendFileSync,
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { type Mounted, mountTest, whereIs } from './support.ts';

const SIZE = 1 << 20;
/** Longer than any file system's tick, see layers/pagecache.ts. */
const TICK_MS = 3100;

const content = (letter: string) => Buffer.alloc(SIZE, letter);

/** Bytes that the daemon has read since it began. */
const readByDaemon = (m: Mounted): number =>
  Number(/^rchar: (\d+)$/m.exec(readFileSync(`/proc/${m.daemonPid}/io`, 'latin1'))?.[1]);

/** Opens and reads a file. @returns whether the kernel had it, and its first letter if it is all of that */
function look(m: Mounted, name: string): [kept: boolean, letter: string] {
  const before = readByDaemon(m);
  const bytes = readFileSync(`${m.mnt}/${name}`);
  const letter = String.fromCharCode(bytes[0] as number);
  const right = bytes.equals(Buffer.alloc(bytes.length, letter));
  return [readByDaemon(m) - before < SIZE / 2, right ? letter : 'mixed'];
}

/**
 * The kernel has it once the daemon has seen that what was open before is closed, which the kernel tells by the way: nobody waits for it.
 * Until then, too, all that is read is right.
 */
async function assertKeptAfterClose(t: Test, m: Mounted, name: string, letter: string): Promise<void> {
  for (let tries = 0; tries < 50; tries++) {
    const [kept, read] = look(m, name);
    if (kept || read !== letter) return void t.same([kept, read], [true, letter]);
    await sleep(10);
  }
  t.same(look(m, name), [true, letter]);
}

/** Changes a file behind the mount's back: of the same size, and with the times that can be set as they were. */
function change(path: string, letter: string): void {
  const { atime, mtime } = statSync(path);
  const fd = openSync(path, 'r+');
  writeSync(fd, content(letter));
  closeSync(fd);
  utimesSync(path, atime, mtime);
}

const lay = ({ upper, lower: [a = ''] }: { upper: string; lower: string[] }) => {
  for (const name of ['l', 'held', 'moved', 'other']) writeFileSync(`${a}/${name}`, content('a'));
  writeFileSync(`${upper}/u`, content('a'));
};

for (const backing of ['ext4', 'tmpfs'] as const) {
  await mountTest(
    t,
    `files of ${backing} that did not change stay in memory, and no other`,
    { backing, prepare: lay, options: 'cache=shared,passthrough=off' },
    async (t, m) => {
      const [lower = ''] = m.lower;
      const files = { l: `${lower}/l`, u: `${m.upper}/u` };
      for (const name of Object.keys(files)) {
        t.same(look(m, name), [false, 'a'], 'seen for the first time');
        t.same(look(m, name), [false, 'a'], 'it could have changed in the same tick');
      }
      t.same(look(m, 'held')[0], false);
      await sleep(TICK_MS);
      const held = openSync(`${m.mnt}/held`, 'r');
      t.same(
        look(m, 'held')[0],
        false,
        'not before the one is closed that had all dropped: it could be still at it',
      );
      closeSync(held);
      await assertKeptAfterClose(t, m, 'held', 'a');
      for (const name of Object.keys(files)) {
        t.same(look(m, name), [false, 'a'], 'read anew, now that it is known for long enough');
        await assertKeptAfterClose(t, m, name, 'a');
        t.same(look(m, name), [true, 'a']);
      }
      for (const [name, path] of Object.entries(files)) {
        change(path, 'b');
        t.same(look(m, name), [false, 'b'], 'what another host has written');
        for (let i = 0; i < 50; i++) {
          const letter = 'bcd'[i % 3] as string;
          change(path, letter);
          t.same(look(m, name), [false, letter], 'as often as it writes');
        }
      }
      await sleep(TICK_MS);
      for (const name of Object.keys(files)) {
        const [, letter] = look(m, name);
        await assertKeptAfterClose(t, m, name, letter);
        appendFileSync(`${m.mnt}/${name}`, letter);
        t.equal(whereIs(m, name), 'upper');
        t.equal(look(m, name)[1], letter);
        t.equal(statSync(`${m.mnt}/${name}`).size, SIZE + 1);
      }
    },
  );
}

await mountTest(
  t,
  'a file that takes the name of one in memory is another',
  { prepare: lay, options: 'cache=shared,passthrough=off' },
  async (t, m) => {
    const [lower = ''] = m.lower;
    look(m, 'moved');
    await sleep(TICK_MS);
    look(m, 'moved');
    await assertKeptAfterClose(t, m, 'moved', 'a');
    change(`${lower}/other`, 'z');
    renameSync(`${lower}/other`, `${lower}/moved`);
    await sleep(1100); // names are believed for a second
    t.same(look(m, 'moved'), [false, 'z']);
  },
);

await mountTest(
  t,
  'cache=none: nothing stays in memory',
  { prepare: lay, options: 'cache=none,passthrough=off' },
  async (t, m) => {
    look(m, 'l');
    await sleep(TICK_MS);
    for (let i = 0; i < 3; i++) t.same(look(m, 'l'), [false, 'a']);
  },
);

await mountTest(
  t,
  'cache=exclusive: files, listings and missing names stay in memory until they change',
  { prepare: lay, options: 'cache=exclusive,passthrough=off' },
  async (t, m) => {
    t.same(look(m, 'l'), [false, 'a']);
    t.same(look(m, 'l'), [true, 'a']);
    appendFileSync(`${m.mnt}/l`, 'a');
    t.equal(whereIs(m, 'l'), 'upper');
    t.same(look(m, 'l'), [true, 'a'], 'its copy has the same content');
    writeFileSync(`${m.mnt}/l`, content('n'));
    t.same(look(m, 'l'), [true, 'n'], 'what was written here');
    const names = ['held', 'l', 'moved', 'other', 'u'];
    t.same(readdirSync(m.mnt).sort(), names);
    t.notOk(existsSync(`${m.mnt}/new`));
    t.notOk(existsSync(`${m.mnt}/new`));
    t.same(readdirSync(m.mnt).sort(), names);
    writeFileSync(`${m.mnt}/new`, '');
    t.ok(existsSync(`${m.mnt}/new`));
    t.same(readdirSync(m.mnt).sort(), [...names, 'new'].sort());
    renameSync(`${m.mnt}/new`, `${m.mnt}/newer`);
    t.notOk(existsSync(`${m.mnt}/new`));
    t.same(readdirSync(m.mnt).sort(), [...names, 'newer'].sort());
  },
);

await mountTest(
  t,
  'cache=exclusive,passthrough=upper: what the kernel has written by itself is not hidden by older pages',
  { root: true, prepare: lay, options: 'cache=exclusive,passthrough=upper' },
  async (t, m) => {
    for (const letter of 'bcdef') {
      look(m, 'l');
      change(`${m.mnt}/l`, letter);
      t.equal(look(m, 'l')[1], letter);
    }
    await sleep(TICK_MS);
    look(m, 'l');
    change(`${m.mnt}/l`, 'g');
    t.equal(look(m, 'l')[1], 'g');
  },
);
