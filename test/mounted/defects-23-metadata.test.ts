// Defect 23: a copy-up lost setuid bits and capabilities, filled holes, and lost the setgid bit of directories. Defect 24: fstat, fchmod and
// ftruncate failed on open files that were unlinked or copied up, and st_ino changed on copy-up.

import {
  appendFileSync,
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  ftruncateSync,
  futimesSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmdirSync,
  statSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import t from 'tap';
import { attempts, GROUP, MEMBER, NOBODY, truncatePath } from './defects-support.ts';
import { describe, hashOf, mountTest, must, sh, xattrsOf } from './support.ts';

const open = (path: string) => closeSync(openSync(path, 'r+'));

await mountTest(
  t,
  '23: a copy has all that the file had',
  {
    root: true,
    needs: ['setcap', 'setfattr', 'setfacl'],
    prepare: ({ lower: [lower] }) => {
      mkdirSync(`${lower}/d`);
      for (const [name, mode] of Object.entries({
        setuid: 0o4755,
        setgid: 0o2711,
        both: 0o6710,
        none: 0o604,
      })) {
        writeFileSync(`${lower}/d/${name}`, `content of ${name}`);
        chownSync(`${lower}/d/${name}`, NOBODY.uid, GROUP);
        chmodSync(`${lower}/d/${name}`, mode);
      }
      sh('cp /bin/true "$1/cap"; setcap cap_net_raw+ep "$1/cap"', { args: [`${lower}/d`] });
      sh(
        `setfattr -n user.x -v y "$1"; setfattr -n trusted.t -v z "$1"; setfacl -m u:${MEMBER.uid}:rw "$1"`,
        {
          args: [`${lower}/d/none`],
        },
      );
      for (const name of ['setuid', 'setgid', 'both', 'none', 'cap'])
        utimesSync(`${lower}/d/${name}`, 1.5, 1e9 + 0.25);
      sh(`chgrp ${GROUP} "$1/d"; chmod 2775 "$1/d"; setfacl -d -m u:${MEMBER.uid}:rwx "$1/d"`, {
        args: [lower as string],
      });
      mkdirSync(`${lower}/plain`);
      chownSync(`${lower}/plain`, NOBODY.uid, GROUP);
      chmodSync(`${lower}/plain`, 0o3777);
      writeFileSync(`${lower}/plain/f`, 'f');
    },
  },
  (t, m) => {
    const lower = m.lower[0] as string;
    const directory = describe(`${lower}/d`);
    for (const name of ['setuid', 'setgid', 'both', 'none', 'cap']) {
      const before = describe(`${lower}/d/${name}`);
      open(`${m.mnt}/d/${name}`);
      t.same(describe(`${m.upper}/d/${name}`), before, `${name}: ${before.mode}`);
      t.same(describe(`${m.mnt}/d/${name}`), before);
      t.notOk(existsSync(`${lower}/d/${name}`));
    }
    t.ok(xattrsOf(`${m.upper}/d/cap`)['security.capability'], 'with its capability');
    t.same(describe(`${m.upper}/d`), directory, 'the directory made above it: setgid and default ACL');
    open(`${m.mnt}/plain/f`);
    t.match(describe(`${m.upper}/plain`), { mode: '3777', owner: `${NOBODY.uid}:${GROUP}` });
    // What is made in it then takes its group, as on any file system.
    t.same(attempts(MEMBER, m.mnt, { mkdir: 'fs.mkdirSync(m + "/plain/sub")' }), { mkdir: 'ok' });
    t.match(describe(`${m.upper}/plain/sub`), { owner: `${MEMBER.uid}:${GROUP}` });
    t.ok(statSync(`${m.upper}/plain/sub`).mode & 0o2000, 'and its setgid bit');
    // Somebody else's write takes setuid and capabilities away, natively and here.
    chmodSync(`${m.mnt}/d/setuid`, 0o4777);
    t.same(attempts(MEMBER, m.mnt, { write: 'fs.appendFileSync(m + "/d/setuid", "x")' }), { write: 'ok' });
    t.match(describe(`${m.upper}/d/setuid`), { mode: '777' });
  },
);

for (const backing of ['dir', 'tmpfs'] as const) {
  await mountTest(t, `23: holes stay holes, ${backing}`, { root: true, backing }, (t, m) => {
    const MB = 1 << 20;
    const [old, copy] = [`${m.lower[0]}/sparse`, `${m.upper}/sparse`];
    // 1 GiB with data at the start, in the middle, and none at the end.
    sh(
      'truncate -s 1G "$1"; for at in 0 300 301 700; do echo data | dd of="$1" bs=1M seek=$at conv=notrunc status=none; done',
      {
        args: [old],
      },
    );
    const [blocks, extents] = [statSync(old).blocks, segments(old)];
    const hash = hashOf(old);
    open(`${m.mnt}/sparse`);
    t.equal(statSync(copy).size, 1024 * MB);
    t.ok(statSync(copy).blocks <= blocks + 64, `${statSync(copy).blocks} blocks, before ${blocks}`);
    t.equal(segments(copy), extents, 'the same holes');
    t.equal(hashOf(copy), hash);
    writeFileSync(`${m.lower[0]}/empty`, '');
    truncateSync(`${m.lower[0]}/empty`, 64 * MB);
    open(`${m.mnt}/empty`);
    t.match(statSync(`${m.upper}/empty`), { size: 64 * MB, blocks: 0 });
  });
}

/** Where data begins and ends, as SEEK_DATA and SEEK_HOLE tell it. */
function segments(path: string): string {
  const script = `use Fcntl; open F, '<', $ARGV[0] or die; my $at = 0;
    while (1) { my $d = sysseek(F, $at, 3); last unless defined $d; $at = sysseek(F, $d, 4); print 0 + $d, "-", 0 + $at, " "; }`;
  return must('perl', ['-e', script, path]);
}

await mountTest(
  t,
  '24: open files go on when their name goes, or their layer',
  {
    root: true,
    prepare: ({ lower: [lower], upper }) => {
      for (const name of ['old', 'copied', 'replaced', 'reader'])
        writeFileSync(`${lower}/${name}`, 'content');
      for (const name of ['new', 'by']) writeFileSync(`${upper}/${name}`, 'content');
      mkdirSync(`${lower}/dir`);
    },
  },
  (t, m) => {
    const gone: Record<string, () => void> = {
      old: () => unlinkSync(`${m.mnt}/old`),
      new: () => unlinkSync(`${m.mnt}/new`),
      replaced: () => renameSync(`${m.mnt}/by`, `${m.mnt}/replaced`),
    };
    for (const [name, act] of Object.entries(gone)) {
      const fd = openSync(`${m.mnt}/${name}`, 'r+');
      const reader = openSync(`${m.mnt}/${name}`, 'r');
      const { ino } = fstatSync(fd, { bigint: true });
      act();
      t.match(fstatSync(fd), { size: 7, nlink: 0 }, `${name}: fstat`);
      fchmodSync(fd, 0o4711);
      fchownSync(fd, 5, 6);
      fchmodSync(fd, 0o4711);
      futimesSync(fd, 1, 2);
      t.match(fstatSync(fd), { uid: 5, gid: 6, mtimeMs: 2000 }, 'fchmod, fchown, futimens');
      t.equal(fstatSync(fd).mode & 0o7777, 0o4711);
      ftruncateSync(fd, 3);
      writeSync(fd, 'X', 3);
      t.equal(fstatSync(fd).size, 4, 'ftruncate and write');
      t.equal(readSync(reader, Buffer.alloc(100), 0, 100, 0), 4);
      t.equal(readFileSync(`/proc/self/fd/${fd}`, 'utf8'), 'conX', 'opened once more');
      t.equal(fstatSync(reader, { bigint: true }).ino, ino, 'one number');
      closeSync(fd);
      closeSync(reader);
    }
    const held = openSync(`${m.mnt}/dir`, 'r');
    rmdirSync(`${m.mnt}/dir`);
    t.ok(fstatSync(held).isDirectory(), 'a directory too');
    closeSync(held);
  },
);

await mountTest(t, '24: a copied file is the file it was', { root: true, options: 'cache=none' }, (t, m) => {
  mkdirSync(`${m.lower[0]}/d`);
  const acts: Record<string, (path: string) => void> = {
    append: (path) => appendFileSync(path, '+'),
    truncate: (path) => truncatePath(path, 2),
    'open for writing': open,
    'rename over': (path) => {
      writeFileSync(`${path}.new`, 'goes away');
      renameSync(path, `${path}.new`);
      renameSync(`${path}.new`, path);
    },
  };
  const taken = new Set<bigint>();
  for (const [name, act] of Object.entries(acts)) {
    const path = `${m.mnt}/d/${name}`;
    // It may well get the inode number of the one before, which has left the old storage.
    writeFileSync(`${m.lower[0]}/d/${name}`, 'content');
    const reader = openSync(path, 'r');
    const { ino, dev } = lstatSync(path, { bigint: true });
    const directory = lstatSync(`${m.mnt}/d`, { bigint: true }).ino;
    t.notOk(taken.has(ino), `${name}: a number of its own`);
    taken.add(ino);
    act(path);
    t.match(lstatSync(path, { bigint: true }), { ino, dev }, `${name}: the same number`);
    t.equal(fstatSync(reader, { bigint: true }).ino, ino, 'for who has it open too');
    t.equal(lstatSync(`${m.mnt}/d`, { bigint: true }).ino, directory, 'and its directory');
    t.match(
      sh('ls -1i "$1"', { args: [`${m.mnt}/d`] }),
      new RegExp(`(?:^|\\n) *${BigInt.asUintN(64, ino)} ${name}(?:\\n|$)`),
      'listed',
    );
    const seen = readFileSync(path, 'utf8');
    t.equal(readFileSync(reader, 'utf8'), seen, 'an open reader sees what has been written');
    fchmodSync(reader, 0o640);
    t.equal(lstatSync(`${m.upper}/d/${name}`).mode & 0o7777, 0o640, 'and changes the file itself');
    t.equal(fstatSync(reader).size, seen.length);
    closeSync(reader);
  }
});
