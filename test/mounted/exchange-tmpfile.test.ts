// RENAME_EXCHANGE over layers, and files without a name (O_TMPFILE).

import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import t from 'tap';
import { EINVAL, ENOENT, EPERM } from '../../protocol/errno.ts';
import {
  AT_FDCWD,
  AT_SYMLINK_FOLLOW,
  O_EXCL,
  O_RDWR,
  O_TMPFILE,
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
  RENAME_WHITEOUT,
} from '../../src/sys/constants.ts';
import { cstring } from '../../src/sys/cstring.ts';
import { linkat, procPath, renameat2 } from '../../src/sys/path.ts';
import { mountTest, sh } from './support.ts';

const text = (path: string) => readFileSync(path, 'utf8');
const exchange = (a: string, b: string, flags = RENAME_EXCHANGE) =>
  renameat2(AT_FDCWD, cstring(a), AT_FDCWD, cstring(b), flags);

await mountTest(
  t,
  'two names change places, wherever they lie',
  {
    lowers: 2,
    options: 'cache=none',
    prepare: ({ upper, lower: [first, second] }) => {
      writeFileSync(`${upper}/u`, 'upper');
      writeFileSync(`${first}/u`, 'hidden below u');
      writeFileSync(`${first}/l`, 'lower');
      writeFileSync(`${second}/l`, 'hidden below l');
      mkdirSync(`${second}/d`);
      writeFileSync(`${second}/d/x`, 'deep');
      mkdirSync(`${upper}/only`);
      writeFileSync(`${upper}/only/y`, '');
    },
  },
  (t, m) => {
    const [u, l] = [statSync(`${m.mnt}/u`).ino, statSync(`${m.mnt}/l`).ino];
    t.equal(exchange(`${m.mnt}/u`, `${m.mnt}/l`), 0);
    t.equal(text(`${m.mnt}/u`), 'lower');
    t.equal(text(`${m.mnt}/l`), 'upper');
    t.same([statSync(`${m.mnt}/u`).ino, statSync(`${m.mnt}/l`).ino], [l, u]);
    for (const lower of m.lower) for (const name of ['u', 'l']) t.notOk(existsSync(`${lower}/${name}`));

    t.equal(exchange(`${m.mnt}/u`, `${m.mnt}/d/x`), 0, 'in another directory');
    t.equal(text(`${m.mnt}/d/x`), 'lower');
    t.equal(exchange(`${m.mnt}/only`, `${m.mnt}/u`), 0, 'a file and a directory of the new storage');
    t.same(readdirSync(`${m.mnt}/u`), ['y']);
    t.equal(text(`${m.mnt}/only`), 'deep');
    t.equal(exchange(`${m.mnt}/d`, `${m.mnt}/u`), 0, 'a directory that an old storage has');
    t.same([readdirSync(`${m.mnt}/d`), readdirSync(`${m.mnt}/u`)], [['y'], ['x']]);
    t.equal(exchange(`${m.mnt}/u`, `${m.mnt}/none`), -ENOENT);
    t.equal(exchange(`${m.mnt}/only`, `${m.mnt}/l`, RENAME_WHITEOUT), -EINVAL);
    t.equal(exchange(`${m.mnt}/only`, `${m.mnt}/l`, RENAME_EXCHANGE | RENAME_NOREPLACE), -EINVAL);
  },
);

const LAYERS = ['upper', 'first', 'second'];
const SUBSETS = [[0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2]];

await mountTest(
  t,
  'directories change places in every layer that has either',
  {
    lowers: 2,
    options: 'cache=none',
    prepare: ({ upper, lower }) => {
      const roots = [upper, ...lower];
      const put = (pair: string, name: string, layers: number[]) => {
        for (const layer of layers) {
          mkdirSync(`${roots[layer]}/${pair}/${name}`, { recursive: true });
          writeFileSync(`${roots[layer]}/${pair}/${name}/${name} of ${LAYERS[layer]}`, '');
        }
        // What the object hides must not come up under the other name.
        const below = (layers.at(-1) as number) + 1;
        if (below < roots.length) mkdirSync(`${roots[below]}/${pair}`, { recursive: true });
        if (below < roots.length) writeFileSync(`${roots[below]}/${pair}/${name}`, 'hidden?');
      };
      SUBSETS.forEach((a, i) => {
        SUBSETS.forEach((b, j) => {
          put(`${i}${j}`, 'a', a);
          put(`${i}${j}`, 'b', b);
        });
      });
    },
  },
  async (t, m) => {
    const names = (name: string, layers: number[]) =>
      layers.map((layer) => `${name} of ${LAYERS[layer]}`).sort();
    const check = (when: string) => {
      SUBSETS.forEach((a, i) => {
        SUBSETS.forEach((b, j) => {
          const pair = `${m.mnt}/${i}${j}`;
          t.same(readdirSync(`${pair}/a`).sort(), names('b', b), `${i}${j}/a ${when}`);
          t.same(readdirSync(`${pair}/b`).sort(), names('a', a), `${i}${j}/b ${when}`);
        });
      });
    };
    SUBSETS.forEach((_a, i) => {
      SUBSETS.forEach((_b, j) => {
        t.equal(exchange(`${m.mnt}/${i}${j}/a`, `${m.mnt}/${i}${j}/b`), 0, `${i}${j}`);
      });
    });
    check('at once');
    await m.remount();
    check('after a remount');
  },
);

await mountTest(
  t,
  'a directory and a file of old storages; and a layer that refuses',
  {
    root: true,
    lowers: 2,
    options: 'cache=none',
    prepare: ({ lower: [first, second] }) => {
      for (const lower of [first, second]) {
        mkdirSync(`${lower}/p/d`, { recursive: true });
        mkdirSync(`${lower}/q`);
        writeFileSync(`${lower}/p/d/in ${lower === first ? 'first' : 'second'}`, '');
      }
      writeFileSync(`${first}/q/f`, 'text');
    },
  },
  (t, m) => {
    const ino = statSync(`${m.mnt}/p/d`).ino;
    t.equal(exchange(`${m.mnt}/p/d`, `${m.mnt}/q/f`), 0);
    t.same(readdirSync(`${m.mnt}/q/f`).sort(), ['in first', 'in second']);
    t.equal(text(`${m.mnt}/p/d`), 'text');
    t.equal(statSync(`${m.mnt}/q/f`).ino, ino);

    // Nothing may leave q in the first layer: what the second has done is undone.
    sh('chattr +i "$1"', { args: [`${m.lower[0]}/q`] });
    const result = exchange(`${m.mnt}/p/d`, `${m.mnt}/q/f`);
    sh('chattr -i "$1"', { args: [`${m.lower[0]}/q`] });
    t.equal(result, -EPERM);
    t.same(readdirSync(`${m.mnt}/q/f`).sort(), ['in first', 'in second']);
    t.equal(text(`${m.mnt}/p/d`), 'text');
  },
);

await mountTest(
  t,
  'a file without a name can be used, and can get one',
  { backing: 'dir', options: 'cache=none', prepare: ({ lower: [lower] }) => mkdirSync(`${lower}/d`) },
  (t, m) => {
    const fd = openSync(`${m.mnt}/d`, O_TMPFILE | O_RDWR, 0o640);
    writeSync(fd, 'unnamed');
    t.equal(fstatSync(fd).nlink, 0);
    t.equal(fstatSync(fd).size, 7);
    t.same(readdirSync(`${m.mnt}/d`), []);
    t.equal(linkat(AT_FDCWD, procPath(fd), AT_FDCWD, cstring(`${m.mnt}/d/named`), AT_SYMLINK_FOLLOW), 0);
    t.equal(text(`${m.mnt}/d/named`), 'unnamed');
    t.equal(fstatSync(fd).ino, statSync(`${m.mnt}/d/named`).ino);
    t.equal(fstatSync(fd).nlink, 1);
    closeSync(fd);
    t.equal(text(`${m.upper}/d/named`), 'unnamed');

    const never = openSync(m.mnt, O_TMPFILE | O_RDWR | O_EXCL, 0o600);
    t.equal(linkat(AT_FDCWD, procPath(never), AT_FDCWD, cstring(`${m.mnt}/no`), AT_SYMLINK_FOLLOW), -ENOENT);
    closeSync(never);
  },
);
