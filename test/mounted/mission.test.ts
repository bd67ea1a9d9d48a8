// The mission, on each kind of storage: what is read stays, what is written to moves whole and leaves the old storage, and
// the two act as one file system.

import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import t, { type Test } from 'tap';
import {
  type Backing,
  type Described,
  describe,
  getfacl,
  isRoot,
  type Mounted,
  mountTest,
  sh,
  treeDigest,
  whereIs,
} from './support.ts';

/** Owners, labels of the kernel and other people's names are root's to give. */
const asRoot = `
  chown 1234:2345 report; chown 77:88 projects projects/alpha projects/alpha/data
  setfattr -n trusted.origin -v old report
  cp /bin/true tool; setcap cap_net_raw+ep tool; chown 5:6 suid; chmod 6755 suid
  setfattr -n trusted.origin -v old projects`;

const build = `
  mkdir -p projects/alpha untouched/deep/er
  printf 'line one\\nline two\\n' >report
  head -c 300000 /dev/urandom >projects/alpha/data
  printf x >suid; chmod 750 suid
  printf keep >untouched/deep/er/file; ln -s ../nowhere untouched/link; mkfifo untouched/fifo
  for i in 1 2 3 4 5; do echo "$i" >"untouched/$i"; done
  chmod 640 report; chmod 2770 projects; chmod 711 projects/alpha
  ${isRoot ? asRoot : ''}
  for f in report projects/alpha/data; do
    setfattr -n user.note -v "about $f" $f; setfacl -m u:1111:rw,g:2222:r $f
  done
  setfattr -n user.kind -v project projects/alpha
  setfacl -m d:u:1111:rwx,d:g:3333:rx projects/alpha
  find . -exec touch -h -d '2001-02-03 04:05:06.123456789 UTC' {} +`;

const FILES = ['report', 'projects/alpha/data', 'suid', ...(isRoot ? ['tool'] : [])];

/** The same object, but for what an append changes. */
function stripWritten({
  size,
  mtime,
  content,
  ...rest
}: Described): Omit<Described, 'size' | 'mtime' | 'content'> {
  return rest;
}

async function scenario(t: Test, m: Mounted): Promise<void> {
  const [lower = ''] = m.lower;
  const before = treeDigest(lower, { directoryTimes: true });
  const untouched = treeDigest(`${lower}/untouched`, { directoryTimes: true });

  t.same(treeDigest(m.mnt), treeDigest(lower), 'all is seen as it is');
  sh('cat report projects/alpha/data untouched/deep/er/file; ls -laR; getfattr -R -h -P -d -m - .; stat *', {
    cwd: m.mnt,
  });
  t.same(treeDigest(lower, { directoryTimes: true }), before, 'reading moves nothing');
  t.same(Object.keys(treeDigest(m.upper)), ['.'], 'and brings nothing to the new storage');

  const facl = getfacl(`${m.mnt}/projects/alpha`);
  for (const name of FILES) {
    closeSync(openSync(`${m.mnt}/${name}`, 'a'));
    t.equal(whereIs(m, name), 'upper', `${name}: opened for writing, it has moved`);
    t.same(describe(`${m.upper}/${name}`), before[name], `${name}: the same to the nanosecond`);
    t.same(describe(`${m.mnt}/${name}`), before[name], `${name}: and so it is seen`);
  }
  for (const name of ['projects', 'projects/alpha']) {
    t.same(stripWritten(describe(`${m.upper}/${name}`)), stripWritten(before[name] as Described), name);
  }
  t.equal(getfacl(`${m.upper}/projects/alpha`), facl);
  t.match(facl, /default:user:1111:rwx/);

  const old = readFileSync(`${m.upper}/projects/alpha/data`);
  sh('printf more >>report; printf more >>projects/alpha/data', { cwd: m.mnt });
  t.equal(readFileSync(`${m.upper}/report`, 'utf8'), 'line one\nline two\nmore');
  t.ok(readFileSync(`${m.mnt}/projects/alpha/data`).equals(Buffer.concat([old, Buffer.from('more')])));
  for (const name of FILES.slice(0, 2)) {
    t.same(stripWritten(describe(`${m.upper}/${name}`)), stripWritten(before[name] as Described), name);
  }
  t.same(treeDigest(`${lower}/untouched`, { directoryTimes: true }), untouched, 'the rest has stayed');
}

/** What a user does, and what comes of it: on the mount, and for comparison in a plain directory. */
const WORK = `
  mkdir new; echo fresh >new/file; mkdir untouched/sub; echo in >untouched/sub/in
  mv untouched/1 new/one; mv untouched/2 untouched/zwei; mv report new/; mv new/file untouched/3
  rm untouched/4 suid; ln -s one new/link; ln new/one new/hard; mv untouched/deep new/deep
  echo over >new/deep/er/file; echo again >report; cp -p new/one new/copy; mkdir -p a/b/c; rmdir a/b/c
  chmod 600 untouched/5; truncate -s 1 untouched/zwei; mv projects/alpha a/alpha; rmdir projects
  ls -R; cat new/one new/hard new/deep/er/file untouched/3 report; find . -type f | sort | xargs wc -c`;

function worksAsOne(t: Test, m: Mounted): void {
  const plain = `${m.dir}/plain`;
  sh('cp -a "$1" "$2"', { args: [m.mnt, plain] });
  t.equal(sh(WORK, { cwd: m.mnt }), sh(WORK, { cwd: plain }));
  t.same(treeDigest(m.mnt, { times: false }), treeDigest(plain, { times: false }));
  const files = sh('find . -not -type d', { cwd: m.mnt }).split('\n');
  t.same(
    files.filter((name) => whereIs(m, name).includes(' ')),
    [],
    'nothing is on both',
  );
  for (const gone of ['untouched/1', 'untouched/4', 'suid', 'projects', 'untouched/deep']) {
    t.equal(whereIs(m, gone), '', `${gone} is gone`);
  }
  t.equal(whereIs(m, 'new/one'), 'lower', 'a renamed file has not moved');
  t.equal(whereIs(m, 'new/link'), 'upper', 'what is new is on the new storage');
  rmSync(plain, { recursive: true });
}

for (const backing of ['ext4', 'xfs', 'tmpfs', 'btrfs', 'dir'] satisfies Backing[]) {
  const needs = ['setfattr', 'setfacl', 'setcap'];
  const prepare = ({ lower }: { lower: string[] }) => void sh(build, { cwd: lower[0] as string });
  await mountTest(t, `the mission on ${backing}`, { backing, needs, prepare }, async (t, m) => {
    await scenario(t, m);
    worksAsOne(t, m);
    const seen = treeDigest(m.mnt);
    await m.remount();
    t.same(treeDigest(m.mnt), seen, 'the same after another mount');
    await m.unmount();
    t.equal(sh('ls .migratefs/work 2>/dev/null || true', { cwd: m.upper }), '', 'no temporary is left');
  });
}
