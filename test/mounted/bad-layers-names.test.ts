// Names that only bytes can be, and directories that are closed to the caller or to everybody.

import {
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import t from 'tap';
import { attempts, errnoOf, NOBODY } from './defects-support.ts';
import { mountTest, printable, sh, treeDigest, whereIs } from './support.ts';

const NAMES = [
  ...[
    '\u00e9',
    'e\u0301',
    'A',
    'a',
    '..data',
    '...',
    '.wh.x',
    '.wh..wh..opq',
    '.fuse_hidden0001',
    '.nfs0001',
    '-rf',
    '*',
    ' ',
    '\n',
    '\\',
    '~',
    '#x#',
    'x'.repeat(255),
  ],
  '\u00e9'.repeat(127),
].map((name) => Buffer.from(name));
NAMES.push(
  Buffer.of(0xff),
  Buffer.of(0xc3),
  Buffer.of(1),
  Buffer.from(Array.from({ length: 254 }, (_, i) => (i + 1 === 0x2f ? 0xff : i + 1))),
);

const text = (path: string | Buffer) => readFileSync(path, 'utf8');

await mountTest(
  t,
  'names of all bytes, of 255 bytes, that differ in case or normalisation, and such as others reserve',
  {
    lowers: 2,
    prepare: ({ upper, lower: [a = '', b = ''] }) => {
      for (const [i, layer] of [upper, a, b].entries()) {
        for (const name of NAMES) writeFileSync(Buffer.concat([Buffer.from(`${layer}/`), name]), `${i}`);
        mkdirSync(`${layer}/${'d'.repeat(255)}`);
        writeFileSync(`${layer}/${'d'.repeat(255)}/${'f'.repeat(255 - i)}`, '');
      }
    },
  },
  (t, m) => {
    const bytes = (dir: string) => readdirSync(dir, { encoding: 'buffer' }).map(printable).sort();
    t.same(bytes(m.mnt), [...NAMES.map(printable), 'd'.repeat(255)].sort());
    t.equal(readdirSync(`${m.mnt}/${'d'.repeat(255)}`).length, 3);
    for (const name of NAMES) {
      const path = Buffer.concat([Buffer.from(`${m.mnt}/`), name]);
      t.equal(text(path), '0', printable(name));
      const fd = openSync(path, 'a');
      writeSync(fd, '+');
      closeSync(fd);
      unlinkSync(path);
      t.equal(whereIs(m, name), '', 'gone from every layer');
      t.equal(
        errnoOf(() => lstatSync(path)),
        'ENOENT',
      );
    }
    for (const act of [
      lstatSync,
      unlinkSync,
      mkdirSync,
      readdirSync,
      (path: string) => writeFileSync(path, ''),
    ])
      t.equal(
        errnoOf(() => act(`${m.mnt}/${'x'.repeat(256)}`)),
        'ENAMETOOLONG',
      );
    sh('rm -r -- *', { cwd: m.mnt });
  },
);

await mountTest(
  t,
  'directories that nobody, or not the caller, may read or pass through',
  {
    root: true,
    lowers: 2,
    needs: ['setpriv'],
    prepare: ({ upper, lower: [a = '', b = ''] }) => {
      for (const [i, layer] of [upper, a, b].entries()) {
        for (const mode of ['000', '111', '444', '700']) {
          sh('mkdir d$1; echo $2 > d$1/f$2; chown -R 4242:4242 d$1; chmod $1 d$1', {
            cwd: layer,
            args: [mode, `${i}`],
          });
        }
        sh(
          'mkdir -m 700 root; echo $1 > root/f$1; mkdir mixed; echo $1 > mixed/f$1; echo $1 > plain$1; chmod 777 . mixed; chmod 666 plain*',
          { cwd: layer, args: [`${i}`] },
        );
      }
      // Closed in one layer only: the merged directory shows the topmost one's mode, but the layer has the last word.
      sh('chmod 700 mixed', { cwd: b });
    },
  },
  (t, m) => {
    const before = treeDigest(m.mnt);
    const acts = {
      'list 000': "fs.readdirSync(m + '/d000')",
      'stat in 000': "fs.statSync(m + '/d000/f2')",
      'list 111': "fs.readdirSync(m + '/d111')",
      'read in 111': "fs.readFileSync(m + '/d111/f2')",
      'make in 111': "fs.writeFileSync(m + '/d111/new', '')",
      'list 444': "if (fs.readdirSync(m + '/d444').length !== 3) throw new Error('short')",
      'read in 444': "fs.readFileSync(m + '/d444/f0')",
      'remove in 444': "fs.unlinkSync(m + '/d444/f2')",
      "list root's": "fs.readdirSync(m + '/root')",
      'rename in root’s': "fs.renameSync(m + '/root/f1', m + '/mixed/new')",
      'mixed: above': "fs.readFileSync(m + '/mixed/f0')",
      'mixed: never short': "fs.readdirSync(m + '/mixed')",
      plain: "fs.appendFileSync(m + '/plain2', '')",
    };
    t.match(attempts(NOBODY, m.mnt, acts), {
      'list 000': 'EACCES',
      'stat in 000': 'EACCES',
      'list 111': 'EACCES',
      'read in 111': 'ok',
      'make in 111': 'EACCES',
      'list 444': 'ok',
      'read in 444': 'EACCES',
      'remove in 444': 'EACCES',
      "list root's": 'EACCES',
      'rename in root’s': 'EACCES',
      'mixed: above': 'ok',
      'mixed: never short': 'EACCES',
      plain: 'ok',
    });
    const after = treeDigest(m.mnt);
    t.same({ ...after, plain2: 0 }, { ...before, plain2: 0 }, 'nothing has changed');
    t.equal(readdirSync(`${m.mnt}/d000`).length, 3, 'root reads all');
  },
);
