// Inode numbers come again: when another host has deleted a file, the storage gives its number to the next that is made. Who still holds the old
// file, without having it open, must not meet the new one.

import {
  appendFileSync,
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { type Hosts, hostsTest } from './hosts.ts';
import { outcome } from './support.ts';

const O_PATH = 0o10000000;
/** More than the tick of a storage's clock, by which births are told apart. */
const TICK_MS = 20;
const TRIES = 200;

/** Makes files through the first mount until one has the number. @returns its name */
function makeWithNumber(m: Hosts, number: number): string {
  for (let i = 0; i < TRIES; i++) {
    writeFileSync(`${m.a.mnt}/dir/own${i}`, 'mine\n');
    if (statSync(`${m.upper}/dir/own${i}`).ino === number) return `own${i}`;
  }
  throw new Error(`${number} has not come again in ${TRIES} files`);
}

/** @param before what happens to the file while it is held, which takes no look at its name */
async function assertApart(
  t: Test,
  m: Hosts,
  name: string,
  before: (held: string) => unknown = () => {},
): Promise<void> {
  const held = openSync(`${m.a.mnt}/dir/${name}`, constants.O_RDONLY | O_PATH);
  await before(`/proc/self/fd/${held}`);
  const number = statSync(`${m.upper}/dir/${name}`).ino;
  unlinkSync(`${m.b.mnt}/dir/${name}`);
  await sleep(TICK_MS);
  const own = makeWithNumber(m, number);
  t.match(
    outcome(() => writeFileSync(`/proc/self/fd/${held}`, 'theirs\n')),
    /^E(?:STALE|NOENT)$/,
    'it cannot be opened',
  );
  t.match(
    outcome(() => fstatSync(held).nlink),
    /^(?:0|E(?:STALE|NOENT))$/,
    'nor has it a link',
  );
  const linked = await m.a.run(`ln -L /proc/${process.pid}/fd/${held} dir/linked`);
  t.not(linked, 'ok', 'nor can it get one');
  closeSync(held);
  t.equal(readFileSync(`${m.a.mnt}/dir/${own}`, 'utf8'), 'mine\n', 'the new file is as it was made');
  t.equal(statSync(`${m.a.mnt}/dir/${own}`).nlink, 1);
}

await hostsTest(
  t,
  'the number of a file that another host has deleted',
  {
    root: true,
    backing: 'ext4',
    prepare: ({ lower: [lower] }) => {
      mkdirSync(`${lower}/dir`);
      for (const name of ['opened', 'changed']) writeFileSync(`${lower}/dir/${name}`, 'old\n');
    },
  },
  async (t, m) => {
    await assertApart(t, m, 'opened', (held) => appendFileSync(held, 'more\n'));
    await assertApart(t, m, 'changed', (held) => {
      chmodSync(held, 0o600);
      appendFileSync(held, 'more\n');
    });
    writeFileSync(`${m.a.mnt}/dir/made`, 'made\n');
    await assertApart(t, m, 'made');
  },
);
