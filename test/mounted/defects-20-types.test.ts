// Defect 20: sockets and block devices were taken for directories.

import {
  appendFileSync,
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import t from 'tap';
import { AT_FDCWD, S_IFSOCK } from '../../src/sys/constants.ts';
import { cstring } from '../../src/sys/cstring.ts';
import { mknodat } from '../../src/sys/path.ts';
import { errnoOf, NOBODY, pathsIn } from './defects-support.ts';
import { describe, mountTest, sh } from './support.ts';

const KINDS = ['fifo', 'socket', 'char', 'block', 'link', 'file', 'dir'];

/** Makes one of each, with an owner, a mode and times of its own. */
function makeAll(dir: string): void {
  mkdirSync(dir, { recursive: true });
  sh('cd "$1"; mkfifo fifo; mknod char c 1 3; mknod block b 250 1234', { args: [dir] });
  if (mknodat(AT_FDCWD, cstring(`${dir}/socket`), S_IFSOCK | 0o600, 0) < 0) throw new Error('no socket');
  symlinkSync('nowhere', `${dir}/link`);
  writeFileSync(`${dir}/file`, 'file');
  mkdirSync(`${dir}/dir`);
  for (const name of KINDS.filter((kind) => kind !== 'link')) {
    chownSync(`${dir}/${name}`, NOBODY.uid, NOBODY.gid);
    chmodSync(`${dir}/${name}`, 0o2640);
    utimesSync(`${dir}/${name}`, 1_000_000_000, 1_100_000_000);
  }
}

/** What readdir(3) says of each entry without asking further. */
function kindsListed(dir: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(dir, { withFileTypes: true }).map((entry) => [
      entry.name,
      entry.isFIFO()
        ? 'fifo'
        : entry.isSocket()
          ? 'socket'
          : entry.isCharacterDevice()
            ? 'char'
            : entry.isBlockDevice()
              ? 'block'
              : entry.isSymbolicLink()
                ? 'link'
                : entry.isDirectory()
                  ? 'dir'
                  : entry.isFile()
                    ? 'file'
                    : 'unknown',
    ]),
  );
}

const expected = Object.fromEntries(KINDS.map((kind) => [kind, kind]));

await mountTest(
  t,
  '20: every type of file is what it is',
  {
    root: true,
    options: 'cache=none',
    prepare: ({ lower: [lower], upper }) => {
      makeAll(`${lower}/old`);
      makeAll(`${upper}/new`);
      makeAll(`${lower}/merged`);
      mkdirSync(`${upper}/merged`);
      makeAll(`${lower}/plain`);
      makeAll(`${lower}/over`);
    },
  },
  async (t, m) => {
    const [lower, { upper, mnt }] = [m.lower[0] as string, m];
    for (const [dir, layer] of [
      ['old', lower],
      ['merged', lower],
      ['new', upper],
    ]) {
      t.same(kindsListed(`${mnt}/${dir}`), expected, `${dir}: listed`);
      for (const kind of KINDS) {
        const path = `${mnt}/${dir}/${kind}`;
        t.same(describe(path), describe(`${layer}/${dir}/${kind}`), `${path} is as the layer has it`);
        if (kind === 'dir') continue;
        t.equal(
          errnoOf(() => readdirSync(path)),
          kind === 'link' ? 'ENOENT' : 'ENOTDIR',
          'it cannot be listed',
        );
        t.equal(
          errnoOf(() => rmdirSync(path)),
          'ENOTDIR',
          'nor removed as a directory',
        );
        if (kind !== 'link')
          t.equal(
            errnoOf(() => writeFileSync(`${path}/in`, '')),
            'ENOTDIR',
            'nor entered',
          );
        t.equal(
          errnoOf(() => renameSync(`${mnt}/${dir}/dir`, path)),
          'ENOTDIR',
        );
        t.equal(
          errnoOf(() => renameSync(path, `${mnt}/${dir}/dir`)),
          'EISDIR',
        );
      }
      t.equal(
        errnoOf(() => readFileSync(`${mnt}/${dir}/socket`)),
        'ENXIO',
        'a socket cannot be opened',
      );
      t.equal(readFileSync(`${mnt}/${dir}/char`, 'utf8'), '', '/dev/null reads as such');
      t.equal(
        errnoOf(() => appendFileSync(`${mnt}/${dir}/char`, 'gone')),
        'ok',
      );
      t.equal(sh('cat "$1/fifo" & echo through >"$1/fifo"; wait', { args: [`${mnt}/${dir}`] }), 'through');
    }
    t.same(
      pathsIn(upper).filter((path) => path.startsWith('old')),
      [],
      'opening devices and FIFOs moves nothing',
    );

    // Attributes in place.
    for (const kind of ['fifo', 'socket', 'char', 'block']) {
      chmodSync(`${mnt}/old/${kind}`, 0o604);
      chownSync(`${mnt}/old/${kind}`, 5, 6);
      t.match(describe(`${lower}/old/${kind}`), { type: kind, mode: '604', owner: '5:6' });
    }

    // Within the old storage, and over a new file, which takes a copy-up.
    for (const kind of KINDS.filter((kind) => kind !== 'dir')) {
      const before = describe(`${lower}/plain/${kind}`);
      renameSync(`${mnt}/plain/${kind}`, `${mnt}/plain/moved`);
      t.same(describe(`${lower}/plain/moved`), before, `${kind}: moved where it is`);
      unlinkSync(`${mnt}/plain/moved`);
      t.same(pathsIn(`${lower}/plain`).includes('moved'), false, 'and removed');

      writeFileSync(`${mnt}/over/target`, 'a new file');
      const model = describe(`${lower}/over/${kind}`);
      renameSync(`${mnt}/over/${kind}`, `${mnt}/over/target`);
      t.same(describe(`${mnt}/over/target`), model, `${kind}: copied up as it is`);
      t.same(describe(`${upper}/over/target`), model);
      t.notOk(pathsIn(`${lower}/over`).includes(kind), 'and gone from the old storage');
      unlinkSync(`${mnt}/over/target`);
    }

    // Made through the mount.
    makeAll(`${mnt}/made`);
    t.same(kindsListed(`${mnt}/made`), expected);
    for (const kind of KINDS)
      t.same(describe(`${upper}/made/${kind}`), describe(`${mnt}/made/${kind}`), kind);
    t.equal(lstatSync(`${upper}/made/block`).rdev, (250 << 8) | (1234 & 0xff) | ((1234 & ~0xff) << 12));
    await m.remount();
    t.same(kindsListed(`${mnt}/made`), expected);
  },
);
