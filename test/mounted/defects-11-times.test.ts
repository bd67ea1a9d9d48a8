// Defect 11: setting one of the two times set the other to 2004-01-10.

import {
  closeSync,
  futimesSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import t from 'tap';
import { NOBODY } from './defects-support.ts';
import { mountTest, sh, shAs } from './support.ts';

const BEFORE = { atime: '2001-02-03 04:05:06.123456789', mtime: '1969-12-31 23:59:58.000000001' };
const LATER = '2011-12-13 14:15:16.987654321';

/** Nanoseconds since 1970, UTC. */
function nanoseconds(time: string): bigint {
  const [whole, fraction = '0'] = time.split('.');
  return BigInt(Date.parse(`${whole?.replace(' ', 'T')}Z`)) * 1_000_000n + BigInt(fraction);
}

function times(path: string): { atime: bigint; mtime: bigint } {
  const { atimeNs, mtimeNs } = lstatSync(path, { bigint: true });
  return { atime: atimeNs, mtime: mtimeNs };
}

const touch = (path: string, ...words: string[]) => sh('TZ=UTC touch -h "$@"', { args: [...words, path] });

function reset(path: string): void {
  touch(path, '-a', '-d', BEFORE.atime);
  touch(path, '-m', '-d', BEFORE.mtime);
}

const original = { atime: nanoseconds(BEFORE.atime), mtime: nanoseconds(BEFORE.mtime) };

/** Path in the merged tree → the layers that have it. */
const PATHS: Record<string, ('lower' | 'upper')[]> = {
  'old/file': ['lower'],
  'old/link': ['lower'],
  'old/dir': ['lower'],
  'new/file': ['upper'],
  'new/link': ['upper'],
  'new/dir': ['upper'],
  merged: ['lower', 'upper'],
};

await mountTest(
  t,
  '11: one time set alone leaves the other as it is, to the nanosecond',
  {
    options: 'cache=none',
    prepare: ({ lower: [lower], upper }) => {
      for (const [layer, age] of [
        [lower, 'old'],
        [upper, 'new'],
      ]) {
        mkdirSync(`${layer}/${age}/dir`, { recursive: true });
        mkdirSync(`${layer}/merged`);
        writeFileSync(`${layer}/${age}/file`, 'content');
        symlinkSync('file', `${layer}/${age}/link`);
      }
    },
  },
  (t, m) => {
    const native = { lower: m.lower[0] as string, upper: m.upper };
    for (const [path, layers] of Object.entries(PATHS)) {
      const places = [`${m.mnt}/${path}`, ...layers.map((layer) => `${native[layer]}/${path}`)];
      const start = () => {
        for (const layer of layers) reset(`${native[layer]}/${path}`);
        for (const place of places) t.same(times(place), original, `${path} is as it was set`);
      };
      start();
      touch(`${m.mnt}/${path}`, '-a', '-d', LATER);
      for (const place of places) {
        t.same(times(place), { atime: nanoseconds(LATER), mtime: original.mtime }, `${path}: atime alone`);
      }
      start();
      touch(`${m.mnt}/${path}`, '-m', '-d', LATER);
      for (const place of places) {
        t.same(times(place), { atime: original.atime, mtime: nanoseconds(LATER) }, `${path}: mtime alone`);
      }
      start();
      const now = BigInt(Date.now() - 5000) * 1_000_000n;
      touch(`${m.mnt}/${path}`, '-a');
      for (const place of places) {
        t.equal(times(place).mtime, original.mtime, `${path}: atime now`);
        t.ok(times(place).atime > now);
      }
      start();
      touch(`${m.mnt}/${path}`, '-m');
      for (const place of places) {
        t.equal(times(place).atime, original.atime, `${path}: mtime now`);
        t.ok(times(place).mtime > now);
      }
    }
    t.equal(readFileSync(`${native.lower}/old/file`, 'utf8'), 'content', 'no file has moved for it');

    // By descriptor, both at once, and a chmod and a rename that set neither.
    reset(`${native.lower}/old/file`);
    sh('chmod 600 "$1/old/file"; mv "$1/old/file" "$1/old/renamed"', { args: [m.mnt] });
    t.same(times(`${m.mnt}/old/renamed`), original);
    const fd = openSync(`${m.mnt}/old/renamed`, 'r');
    futimesSync(fd, 1, 2);
    closeSync(fd);
    t.same(times(`${native.lower}/old/renamed`), { atime: 1_000_000_000n, mtime: 2_000_000_000n });
  },
);

await mountTest(
  t,
  '11: who may write but does not own may set both to now, and neither to another time',
  {
    root: true,
    needs: ['setpriv'],
    prepare: ({ lower: [lower] }) => {
      sh('echo >"$1/f"; chmod 666 "$1/f"', { args: [lower as string] });
    },
  },
  (t, m) => {
    const path = `${m.lower[0]}/f`;
    reset(path);
    const refused = ['touch -h -a', 'touch -h -m', `touch -h -d '${LATER}'`, `touch -h -a -d '${LATER}'`];
    for (const command of refused) t.not(shAs(NOBODY, `${command} "$1"`, { args: [`${m.mnt}/f`] }).status, 0);
    t.same(times(path), original);
    t.equal(shAs(NOBODY, 'touch -h "$1"', { args: [`${m.mnt}/f`] }).status, 0);
    t.ok(times(path).atime > original.atime && times(path).mtime > original.mtime);
  },
);
