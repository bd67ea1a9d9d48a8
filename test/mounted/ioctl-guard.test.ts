// Immutable and append-only files and directories (chattr +i, +a), on either layer or both: whatever is tried is answered as a plain file
// system answers it, and what is refused leaves nothing behind: no copy, no temporary, no hidden name.

import {
  appendFileSync,
  chmodSync,
  chownSync,
  closeSync,
  constants,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import t from 'tap';
import { errnoName } from '../../protocol/errno.ts';
import { AT_FDCWD, RENAME_EXCHANGE } from '../../src/sys/constants.ts';
import { cstring } from '../../src/sys/cstring.ts';
import { renameat2 } from '../../src/sys/path.ts';
import { lremovexattr, lsetxattr } from '../../src/sys/xattr.ts';
import { type Mounted, mountTest, must, outcome, run, whereIs } from './support.ts';

const { O_APPEND, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY, O_NOATIME } = constants;
const O_TMPFILE = 0o20200000;
const shown = (result: number): string => (result < 0 ? errnoName(-result) : 'ok');
const opens = (path: string, flags: number): string => outcome(() => closeSync(openSync(path, flags, 0o600)));
const exchanged = (a: string, b: string): string =>
  shown(renameat2(AT_FDCWD, cstring(a), AT_FDCWD, cstring(b), RENAME_EXCHANGE));

/** Everything that is done to a file by its name; `spare` is another file of the same directory. */
function tryFile(path: string, spare: string): Record<string, string> {
  return {
    read: opens(path, O_RDONLY),
    'read, no atime': opens(path, O_RDONLY | O_NOATIME),
    write: opens(path, O_WRONLY),
    'read and write': opens(path, O_RDWR),
    'cut by open': opens(path, O_WRONLY | O_TRUNC),
    'cut and append': opens(path, O_WRONLY | O_TRUNC | O_APPEND),
    truncate: outcome(() => truncateSync(path, 1)),
    grow: outcome(() => truncateSync(path, 1000)),
    chmod: outcome(() => chmodSync(path, 0o604)),
    chown: outcome(() => chownSync(path, 5, 5)),
    utimes: outcome(() => utimesSync(path, 1000, 1000)),
    touch: `${run('touch', [path]).status}`,
    'set xattr': shown(lsetxattr(cstring(path), cstring('user.a'), Buffer.from('a'), 1, 0)),
    'remove xattr': shown(lremovexattr(cstring(path), cstring('user.b'))),
    link: outcome(() => linkSync(path, `${path}-link`)),
    'link elsewhere': outcome(() => linkSync(path, `${path}-place/link`)),
    rename: outcome(() => renameSync(path, `${path}-away`)),
    'rename elsewhere': outcome(() => renameSync(path, `${path}-place/away`)),
    'rename onto another': outcome(() => renameSync(path, spare)),
    'be replaced': outcome(() => renameSync(spare, path)),
    exchange: exchanged(path, spare),
    'exchange, the other way': exchanged(spare, path),
    unlink: outcome(() => unlinkSync(path)),
    append: outcome(() => appendFileSync(path, 'more')),
    content: outcome(() => readFileSync(path, 'latin1')),
  };
}

const FILES = ['old', 'new', 'both'] as const;

function layFiles(upper: string, lower: string, model: string): void {
  for (const name of FILES) {
    const tops = { old: [lower], new: [upper], both: [upper, lower] }[name];
    for (const layer of [...tops, model]) writeFileSync(`${layer}/${name}`, `${name}\n`);
    for (const layer of [upper, lower, model]) mkdirSync(`${layer}/${name}-place`);
    for (const layer of [tops[0] as string, model]) writeFileSync(`${layer}/${name}-spare`, 'spare');
  }
}

const workOf = (m: Mounted): string[] =>
  [m.upper, m.lower[0] as string].flatMap((layer) =>
    existsSync(`${layer}/.migratefs/work`) ? readdirSync(`${layer}/.migratefs/work`) : [],
  );

/** Outside of both layers, on the same file system as the lower one. */
const modelOf = (lower: string): string => `${lower}/.model`;

for (const flag of ['i', 'a'] as const) {
  for (const options of ['', 'metadata=copyup']) {
    await mountTest(
      t,
      `chattr +${flag}: files${options && `, ${options}`}`,
      {
        root: true,
        backing: 'ext4',
        options,
        needs: ['chattr', 'touch'],
        prepare: ({ lower: [lower = ''], upper }) => {
          mkdirSync(modelOf(lower));
          layFiles(upper, lower, modelOf(lower));
          for (const name of FILES) {
            must('chattr', [
              `+${flag}`,
              `${name === 'old' ? lower : upper}/${name}`,
              `${modelOf(lower)}/${name}`,
            ]);
          }
        },
      },
      (t, m) => {
        const model = modelOf(m.lower[0] as string);
        for (const name of FILES) {
          const expected = tryFile(`${model}/${name}`, `${model}/${name}-spare`);
          t.same(tryFile(`${m.mnt}/${name}`, `${m.mnt}/${name}-spare`), expected, name);
          t.match(expected, { write: 'EPERM', unlink: 'EPERM', append: flag === 'a' ? 'ok' : 'EPERM' });
          t.same(
            tryFile(`${m.mnt}/${name}`, `${m.mnt}/${name}-spare`),
            tryFile(`${model}/${name}`, `${model}/${name}-spare`),
          );
        }
        t.same(workOf(m), [], 'no temporary');
        t.equal(
          whereIs(m, 'old'),
          flag === 'a' ? 'upper' : 'lower',
          'what has grown has moved, and protected',
        );
        t.equal(whereIs(m, 'new'), 'upper');
        t.equal(whereIs(m, 'both'), 'upper lower', 'what was hidden is still there');
        t.equal(readFileSync(`${m.lower[0]}/both`, 'latin1'), 'both\n');
        t.match(must('lsattr', [`${m.mnt}/old`]), new RegExp(`^\\S*${flag}`));
        t.equal(existsSync(`${m.upper}/old-spare`), false, 'nothing came up to be refused');
        for (const name of FILES) must('chattr', [`-${flag}`, `${m.mnt}/${name}`, `${model}/${name}`]);
        for (const name of FILES) {
          t.same(
            tryFile(`${m.mnt}/${name}`, `${m.mnt}/${name}-spare`),
            tryFile(`${model}/${name}`, `${model}/${name}-spare`),
            `${name}, free again`,
          );
        }
        t.notMatch(m.log(), /level=(?:warn|error)/);
      },
    );
  }
}

/** Everything that is done to and in a directory; `other` is another directory that has `file` and the directory `dir`. */
function tryDirectory(dir: string, other: string): Record<string, string> {
  const answers = {
    list: outcome(() => readdirSync(dir).length),
    create: outcome(() => writeFileSync(`${dir}/made`, '')),
    mkdir: outcome(() => mkdirSync(`${dir}/made-dir`)),
    symlink: outcome(() => symlinkSync('x', `${dir}/made-link`)),
    mkfifo: `${run('mkfifo', [`${dir}/made-fifo`]).status}`,
    'nameless file': opens(dir, O_RDWR | O_TMPFILE),
    'link into': outcome(() => linkSync(`${other}/file`, `${dir}/linked`)),
    'move into': outcome(() => renameSync(`${other}/mover`, `${dir}/moved`)),
    'replace by a move': outcome(() => renameSync(`${other}/replacer`, `${dir}/file`)),
    'move out': outcome(() => renameSync(`${dir}/file`, `${other}/out`)),
    'rename within': outcome(() => renameSync(`${dir}/file`, `${dir}/renamed`)),
    'move a directory out': outcome(() => renameSync(`${dir}/sub`, `${other}/sub-out`)),
    'move a directory into': outcome(() => renameSync(`${other}/dir`, `${dir}/dir-in`)),
    'exchange with outside': exchanged(`${dir}/file`, `${other}/file`),
    unlink: outcome(() => unlinkSync(`${dir}/file`)),
    rmdir: outcome(() => rmdirSync(`${dir}/empty`)),
    'create below': outcome(() => writeFileSync(`${dir}/sub/made`, 'x')),
    'unlink below': outcome(() => unlinkSync(`${dir}/sub/file`)),
    write: outcome(() => appendFileSync(`${dir}/file`, 'more')),
    'what was written': outcome(() => readFileSync(`${dir}/file`, 'latin1')),
    chmod: outcome(() => chmodSync(dir, 0o751)),
    chown: outcome(() => chownSync(dir, 5, 5)),
    utimes: outcome(() => utimesSync(dir, 1000, 1000)),
    'set xattr': shown(lsetxattr(cstring(dir), cstring('user.a'), Buffer.from('a'), 1, 0)),
    rename: outcome(() => renameSync(dir, `${dir}-away`)),
    'be replaced': outcome(() => renameSync(`${other}/dir2`, dir)),
    'rmdir itself': outcome(() => rmdirSync(dir)),
    'remove the empty': outcome(() => rmdirSync(`${dir}-empty`)),
  };
  return { ...answers, listed: outcome(() => readdirSync(dir).sort().join(' ')) };
}

/** Which layers have each directory, and on which of these it has the flag. */
const DIRECTORIES = {
  old: { on: ['lower'], flagged: ['lower'] },
  new: { on: ['upper'], flagged: ['upper'] },
  'both-by-lower': { on: ['upper', 'lower'], flagged: ['lower'] },
  'both-by-upper': { on: ['upper', 'lower'], flagged: ['upper'] },
  both: { on: ['upper', 'lower'], flagged: ['upper', 'lower'] },
} as const;

for (const flag of ['i', 'a'] as const) {
  await mountTest(
    t,
    `chattr +${flag}: directories`,
    {
      root: true,
      backing: 'ext4',
      needs: ['chattr', 'mkfifo'],
      prepare: ({ lower: [lower = ''], upper }) => {
        mkdirSync(modelOf(lower));
        const roots = { upper, lower, model: modelOf(lower) };
        for (const [name, { on, flagged }] of Object.entries(DIRECTORIES)) {
          const layers = [...on, 'model'] as (keyof typeof roots)[];
          for (const layer of layers) {
            mkdirSync(`${roots[layer]}/${name}/sub`, { recursive: true });
            for (const dir of [`${name}/empty`, `${name}-empty`]) mkdirSync(`${roots[layer]}/${dir}`);
          }
          // What lies in the directory is on the lowest of its layers.
          for (const root of [roots[on.at(-1) as 'upper' | 'lower'], roots.model]) {
            writeFileSync(`${root}/${name}/file`, 'file');
            writeFileSync(`${root}/${name}/sub/file`, 'file');
          }
          for (const layer of [...flagged, 'model'] as (keyof typeof roots)[]) {
            for (const dir of [name, `${name}-empty`]) must('chattr', [`+${flag}`, `${roots[layer]}/${dir}`]);
          }
        }
        for (const root of [lower, roots.model]) {
          for (const name of Object.keys(DIRECTORIES)) {
            for (const dir of ['dir', 'dir2']) mkdirSync(`${root}/${name}-other/${dir}`, { recursive: true });
            for (const file of ['file', 'mover', 'replacer'])
              writeFileSync(`${root}/${name}-other/${file}`, file);
          }
        }
      },
    },
    (t, m) => {
      const model = modelOf(m.lower[0] as string);
      for (const name of Object.keys(DIRECTORIES)) {
        const expected = tryDirectory(`${model}/${name}`, `${model}/${name}-other`);
        // A file of the old storage cannot come up into a directory that is immutable on the new one.
        const stuck = flag === 'i' && (name === 'both' || name === 'both-by-upper');
        const shown = stuck ? { ...expected, write: 'EPERM', 'what was written': 'file' } : expected;
        t.same(tryDirectory(`${m.mnt}/${name}`, `${m.mnt}/${name}-other`), shown, name);
        t.match(expected, { unlink: 'EPERM', create: flag === 'a' ? 'ok' : 'EPERM', 'create below': 'ok' });
        t.match(must('lsattr', ['-d', `${m.mnt}/${name}`]), new RegExp(`^\\S*${flag}`));
      }
      t.same(workOf(m), [], 'no temporary');
      for (const name of Object.keys(DIRECTORIES)) {
        for (const dir of [name, `${name}-empty`])
          must('chattr', [`-${flag}`, `${m.mnt}/${dir}`, `${model}/${dir}`]);
        for (const layer of [m.upper, m.lower[0] as string]) {
          if (!lstatSync(`${layer}/${name}`, { throwIfNoEntry: false })) continue;
          t.notMatch(
            must('lsattr', ['-d', `${layer}/${name}`]),
            new RegExp(`^\\S*${flag}`),
            'on no side any more',
          );
        }
        t.same(
          tryDirectory(`${m.mnt}/${name}`, `${m.mnt}/${name}-other`),
          tryDirectory(`${model}/${name}`, `${model}/${name}-other`),
          `${name}, free again`,
        );
      }
      t.notMatch(m.log(), /level=error/);
    },
  );
}
