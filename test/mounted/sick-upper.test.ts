// A new storage that fails in the middle of a copy-up, at each of its steps, with errors that come late among them: the opener gets the
// errno, the old file is as it was, and nothing is left over. Defect 7: the copy was not synced, the result of close was not looked at, and
// the old file was deleted. Defect 5 is in a file of its own, too.

import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { errnoOf, leftovers, pathsIn } from './defects-support.ts';
import { type Mounted, mountTest, sh, treeDigest } from './support.ts';

const SIZE = 3 << 20;
/** Node has no name for it. */
const UNKNOWN = 'Unknown system error -122';

function prepare({ lower: [lower] }: { lower: string[] }): void {
  mkdirSync(`${lower}/d`);
  writeFileSync(`${lower}/d/file`, 'x'.repeat(SIZE), { mode: 0o640 });
  writeFileSync(`${lower}/d/first`, '');
  sh('chown 7:8 d/file; setfattr -n user.a -v b d/file; touch -d @1000000000.5 d/file', {
    cwd: lower as string,
  });
}

const WORK = '^/.migratefs/work/';

/** What fails before the copy has its name, and with what. */
const FAULTS: [string, string, (m: Mounted) => Promise<void>][] = [
  ['no room for a temporary', 'ENOSPC', (m) => m.sick.fail('ENOSPC', { operations: ['CREATE'], path: WORK })],
  ['no room for the data', 'ENOSPC', (m) => m.sick.fail('ENOSPC', { operations: ['WRITE'], from: 2 })],
  ['a quota', 'EDQUOT', (m) => m.sick.fail('EDQUOT', { operations: ['WRITE'], from: 2 })],
  ['a device that fails', 'EIO', (m) => m.sick.fail('EIO', { operations: ['WRITE'], from: 2 })],
  [
    'a short write, then no room',
    'ENOSPC',
    async (m) => {
      await m.sick.short(1000, { operations: ['WRITE'], from: 2, times: 1 });
      await m.sick.fail('ENOSPC', { operations: ['WRITE'], from: 2 });
    },
  ],
  ['an owner that cannot be set', 'EIO', (m) => m.sick.fail('EIO', { operations: ['SETATTR'], path: WORK })],
  [
    'times that cannot be set',
    'EIO',
    (m) => m.sick.fail('EIO', { operations: ['SETATTR'], path: WORK, from: 3 }),
  ],
  [
    'an attribute without room',
    'ENOSPC',
    (m) => m.sick.fail('ENOSPC', { operations: ['SETXATTR'], path: WORK }),
  ],
  ['a late error at fsync', 'EDQUOT', (m) => m.sick.fail('EDQUOT', { operations: ['FSYNC'] })],
  ['a late error at close', 'EDQUOT', (m) => m.sick.fail('EDQUOT', { operations: ['FLUSH'], path: WORK })],
  [
    'a name that cannot be given',
    'EIO',
    (m) => m.sick.fail('EIO', { operations: ['RENAME', 'RENAME2', 'LINK'], path: '/file$' }),
  ],
];

const OPTIONS = { root: true, sick: 'upper', prepare } as const;

await mountTest(t, 'a new storage that fails while a file comes up', OPTIONS, async (t, m) => {
  // The directory is there before: it is the file that is looked at.
  appendFileSync(`${m.mnt}/d/first`, 'x');
  const [lower, upper] = [treeDigest(m.lower[0] as string), pathsIn(m.behind)];
  for (const [what, errno, fall] of FAULTS) {
    await fall(m);
    t.equal(errnoOf(() => appendFileSync(`${m.mnt}/d/file`, 'more')).replace(UNKNOWN, 'EDQUOT'), errno, what);
    await m.sick.release();
    t.same(treeDigest(m.lower[0] as string), lower, 'the source is as it was');
    t.same(pathsIn(m.behind), upper);
    t.same(leftovers(m.behind), []);
  }
  await m.sick.short(1000, { operations: ['WRITE'], times: 50 });
  appendFileSync(`${m.mnt}/d/file`, 'more');
  t.equal(
    readFileSync(`${m.behind}/d/file`, 'latin1'),
    `${'x'.repeat(SIZE)}more`,
    'short writes alone lose nothing',
  );
  t.notOk(existsSync(`${m.lower[0]}/d/file`));
});

await mountTest(t, 'a directory that cannot be synced', OPTIONS, async (t, m) => {
  appendFileSync(`${m.mnt}/d/first`, 'x');
  const before = treeDigest(m.lower[0] as string);
  await m.sick.fail('EIO', { operations: ['FSYNCDIR'], path: '^/d$' });
  t.equal(
    errnoOf(() => appendFileSync(`${m.mnt}/d/file`, 'more')),
    'EIO',
  );
  t.same(
    treeDigest(m.lower[0] as string),
    before,
    'the source stays: the name of the copy may not survive a crash',
  );
  t.match(m.log(), /sync_failed/);
  await m.sick.release();
  t.equal(readFileSync(`${m.behind}/d/file`, 'latin1'), 'x'.repeat(SIZE), 'the copy is whole');
  appendFileSync(`${m.mnt}/d/file`, 'more');
  t.equal(readFileSync(`${m.mnt}/d/file`, 'latin1'), `${'x'.repeat(SIZE)}more`);
});
