// Extended attributes that a new storage does not take: which of them end a copy-up, which are left behind with `xattrs=best-effort`, and
// that the log names file and attribute. A storage that is only full never costs one.

import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { errnoOf, leftovers } from './defects-support.ts';
import {
  type Mounted,
  type MountTestOptions,
  mountTest,
  sh,
  treeDigest,
  whereIs,
  xattrsOf,
} from './support.ts';

const WORK = '^/.migratefs/work/';
const hex = (text: string) => Buffer.from(text).toString('hex');
/** More than a block of ext4, and less than xfs holds. */
const LARGE = 20_000;
const setLarge = `head -c ${LARGE} /dev/zero | tr '\\0' x >../large; perl -e 'local $/; open F, "<../large"; my $v = <F>; syscall(${process.arch === 'arm64' ? 5 : 188}, $ARGV[1], $ARGV[0], $v, length $v, 0) == 0 or die "$!\\n"'`;
const large = (name: string, file: string) => `${setLarge} ${name} ${file}`;

const said = (level: string, event: string, name: string, xattr: string, errno: string) =>
  new RegExp(`level=${level} event=${event} name=${name} xattr=${xattr} error=${errno}(?: |$)`, 'm');

/** An attempt that must end with an errno, and leave all as it was. */
function refused(t: Test, m: Mounted, name: string, errno: string): void {
  const before = treeDigest(m.lower[0] as string);
  t.equal(
    errnoOf(() => appendFileSync(`${m.mnt}/${name}`, '+')),
    errno,
    name,
  );
  t.same(treeDigest(m.lower[0] as string), before, 'the source is as it was, with all its attributes');
  t.equal(whereIs(m, name), 'lower');
  t.same(leftovers(m.upper), []);
}

function comesUp(t: Test, m: Mounted, name: string, content: string, xattrs: Record<string, string>): void {
  appendFileSync(`${m.mnt}/${name}`, '+');
  t.equal(whereIs(m, name), 'upper');
  t.equal(readFileSync(`${m.upper}/${name}`, 'utf8'), `${content}+`);
  t.same(xattrsOf(`${m.upper}/${name}`), xattrs, `${name} has the others`);
}

await mountTest(
  t,
  'a storage that has no such attributes',
  {
    root: true,
    sick: 'upper',
    backing: 'xfs',
    needs: ['perl'],
    prepare: ({ lower: [lower] }) => {
      for (const name of ['strict', 'first', 'second', 'small', 'large', 'moment']) {
        writeFileSync(`${lower}/${name}`, name, { mode: 0o640 });
        sh('setfattr -n user.a -v 1 "$1"; setfattr -n user.b -v 2 "$1"', { args: [`${lower}/${name}`] });
      }
      sh(`${large('user.c', 'large')}; rm ../large`, { cwd: lower as string });
    },
  },
  async (t, m) => {
    const both = { 'user.a': hex('1'), 'user.b': hex('2') };
    for (const errno of ['EOPNOTSUPP', 'E2BIG', 'ENOSPC'] as const) {
      await m.sick.fail(errno, { operations: ['SETXATTR'], path: WORK });
      refused(t, m, 'strict', errno === 'EOPNOTSUPP' ? 'ENOTSUP' : errno);
      t.match(m.log(), said('error', 'xattr_refused', 'strict', 'user.a', errno));
      await m.sick.release();
    }
    t.notMatch(m.log(), /xattr_dropped/);

    await m.remount('xattrs=best-effort');
    for (const [turn, name, errno, left] of [
      [1, 'first', 'EOPNOTSUPP', { 'user.b': both['user.b'] }],
      [2, 'second', 'E2BIG', { 'user.a': both['user.a'] }],
    ] as const) {
      await m.sick.fail(errno, { operations: ['SETXATTR'], path: WORK, from: turn, times: 1 });
      comesUp(t, m, name, name, left);
      t.match(m.log(), said('warn', 'xattr_dropped', name, turn === 1 ? 'user.a' : 'user.b', errno));
      await m.sick.release();
    }
    const before = m.log().length;
    await m.sick.fail('ENOSPC', { operations: ['SETXATTR'], path: WORK, times: 1 });
    comesUp(t, m, 'moment', 'moment', both);
    await m.sick.release();
    await m.sick.fail('ENOSPC', { operations: ['SETXATTR'], path: WORK });
    refused(t, m, 'small', 'ENOSPC');
    const now = m.log().slice(before);
    t.match(now, said('error', 'xattr_refused', 'small', 'user.a', 'ENOSPC'), 'it may be full');
    t.match(now, /mend="make room /);
    t.notMatch(now, /xattr_dropped|best-effort/);
    await m.sick.release();
    await m.sick.fail('ENOSPC', { operations: ['SETXATTR'], path: WORK, from: 3 });
    comesUp(t, m, 'large', 'large', both);
    t.match(
      m.log(),
      said('warn', 'xattr_dropped', 'large', 'user.c', 'ENOSPC'),
      'nor would it fit without it',
    );
  },
);

/** What xfs holds and ext4 does not, whatever room there is. */
const prepare = ({ lower: [lower = ''] }: { lower: string[] }) => {
  mkdirSync(`${lower}/d`);
  for (const name of ['large', 'many', 'acl', 'd/in'])
    writeFileSync(`${lower}/${name}`, name, { mode: 0o640 });
  sh(
    `${large('user.large', 'large')}; setfattr -n user.a -v 1 large; ${large('trusted.large', 'd')}; setfattr -n user.a -v 1 d
     for i in $(seq 100 199); do setfattr -n user.$i -v "$(printf %0100d 0)" many; done
     setfacl -m "$(seq -s, -f u:%g:r 10000 10700)" acl; rm ../large`,
    { cwd: lower },
  );
};

const kinds = {
  root: true,
  backing: 'xfs',
  upperBacking: 'ext4',
  needs: ['setfacl', 'perl'],
  prepare,
} satisfies MountTestOptions;

await mountTest(t, 'from xfs to ext4, which holds less', kinds, async (t, m) => {
  for (const [name, xattr] of [
    ['large', 'user.large'],
    ['many', 'user.\\d+'],
    ['acl', 'system.posix_acl_access'],
  ] as const) {
    refused(t, m, name, 'ENOSPC');
    t.match(m.log(), said('error', 'xattr_refused', name, xattr, 'ENOSPC'));
  }
  t.equal(
    errnoOf(() => writeFileSync(`${m.mnt}/d/new`, '')),
    'ENOSPC',
  );
  t.notOk(existsSync(`${m.upper}/d`));
  t.match(m.log(), said('error', 'xattr_refused', 'd', 'trusted.large', 'ENOSPC'), 'of a directory');

  await m.remount('xattrs=best-effort');
  comesUp(t, m, 'large', 'large', { 'user.a': hex('1') });
  t.match(m.log(), said('warn', 'xattr_dropped', 'large', 'user.large', 'ENOSPC'));
  const many = xattrsOf(`${m.lower[0]}/many`);
  appendFileSync(`${m.mnt}/many`, '+');
  const kept = xattrsOf(`${m.upper}/many`);
  t.match(many, kept, 'as many as there is room for');
  for (const name of Object.keys(many).filter((name) => !(name in kept)))
    t.match(m.log(), said('warn', 'xattr_dropped', 'many', name, 'ENOSPC'));
  t.ok(Object.keys(kept).length > 10 && Object.keys(kept).length < 100);
  refused(t, m, 'acl', 'ENOSPC');
  appendFileSync(`${m.mnt}/d/in`, '+');
  t.same(xattrsOf(`${m.upper}/d`), { 'user.a': hex('1') });
  t.match(m.log(), said('warn', 'xattr_dropped', 'd', 'trusted.large', 'ENOSPC'));
});

await mountTest(
  t,
  'a disk that is full for a moment',
  {
    ...kinds,
    size: '600M',
    options: 'xattrs=best-effort',
    prepare: ({ lower: [lower] }) => {
      // Without content, so that there is room for all else.
      const cwd = lower as string;
      sh(
        `touch small acl large; setfattr -n user.a -v "$(printf %0900d 0)" small; ${large('user.large', 'large')}`,
        { cwd },
      );
      sh(`setfacl -m "$(seq -s, -f u:%g:r 10000 10050)" acl; chmod 640 small acl large`, { cwd });
    },
  },
  (t, m) => {
    const small = xattrsOf(`${m.lower[0]}/small`);
    const acl = xattrsOf(`${m.lower[0]}/acl`);
    // Root may have what ext4 reserves, and so may the daemon.
    sh(
      'dd if=/dev/zero of=fill bs=1M status=none || true; sync -f fill; for i in $(seq 500); do head -c 4096 /dev/zero >>fill || exit 0; done',
      { cwd: m.upper },
    );
    for (const name of ['small', 'acl', 'large']) {
      refused(t, m, name, 'ENOSPC');
      t.match(m.log(), said('error', 'xattr_refused', name, '\\S+', 'ENOSPC'), name);
    }
    t.notMatch(m.log(), /xattr_dropped/, 'nothing is lost');
    rmSync(`${m.upper}/fill`);
    comesUp(t, m, 'small', '', small);
    comesUp(t, m, 'acl', '', acl);
    comesUp(t, m, 'large', '', {});
    t.match(m.log(), said('warn', 'xattr_dropped', 'large', 'user.large', 'ENOSPC'));
  },
);
