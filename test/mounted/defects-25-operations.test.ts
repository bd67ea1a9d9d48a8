// Defect 25: fallocate, SEEK_DATA, O_DIRECT, O_TMPFILE and RENAME_EXCHANGE failed, and locks did not exclude: fcntl's never, flock's not
// once the file had moved to the other storage. (Its first part, truncate(2), is among defects-05.)

import { closeSync, lstatSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import {
  AT_FDCWD,
  AT_SYMLINK_FOLLOW,
  F_WRLCK,
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  LOCK_EX,
  O_CLOEXEC,
  O_DIRECT,
  O_RDONLY,
  O_RDWR,
  O_TMPFILE,
  RENAME_EXCHANGE,
  SEEK_DATA,
  SEEK_HOLE,
} from '../../src/sys/constants.ts';
import { cstring } from '../../src/sys/cstring.ts';
import { close, fallocate, lseek, open, pread, pwrite, write } from '../../src/sys/fd.ts';
import { FileLock, flock, setLock } from '../../src/sys/locks.ts';
import { linkat, procPath, renameat2 } from '../../src/sys/path.ts';
import { isRoot, type MountTestOptions, mountTest, sh, whereIs } from './support.ts';

const BLOCK = 4096;
const LOCK_NB = 4;
const EAGAIN = 11;
const backings = isRoot ? (['ext4', 'xfs', 'btrfs', 'tmpfs'] as const) : (['dir'] as const);

const setup = (backing: (typeof backings)[number], threads: number): MountTestOptions => ({
  backing,
  options: `threads=${threads}`,
  prepare: ({ upper, lower: [lower] }) => {
    mkdirSync(`${lower}/d`);
    for (const name of ['holes', 'direct', 'a', 'locked', 'flocked']) {
      writeFileSync(`${lower}/d/${name}`, Buffer.alloc(4 * BLOCK, name));
    }
    sh('fallocate -p -o 4096 -l 4096 "$1/d/holes"', { args: [lower as string] });
    writeFileSync(`${upper}/b`, 'b');
  },
});

/** Memory that begins on a page: O_DIRECT may want it. */
function aligned(bytes: number): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(bytes));
}

for (const backing of backings) {
  for (const threads of [1, 8]) {
    await mountTest(t, `${backing}, ${threads} workers`, setup(backing, threads), async (t, m) => {
      const path = (name: string) => `${m.mnt}/${name}`;
      const opened = (name: string, flags: number) => open(cstring(path(name)), flags | O_CLOEXEC, 0o644);

      await t.test('holes', async (t) => {
        const reader = opened('d/holes', O_RDONLY);
        t.equal(lseek(reader, 0, SEEK_HOLE), BLOCK);
        t.equal(lseek(reader, BLOCK, SEEK_DATA), 2 * BLOCK);
        t.equal(whereIs(m, 'd/holes'), 'lower', 'looking for holes moves nothing');
        const writer = opened('d/holes', O_RDWR);
        t.equal(lseek(writer, 0, SEEK_HOLE), BLOCK, 'the copy has the hole');
        t.equal(fallocate(writer, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2 * BLOCK, BLOCK), 0);
        t.equal(lseek(reader, BLOCK, SEEK_DATA), 3 * BLOCK, 'the reader from before sees the second one');
        t.equal(fallocate(writer, 0, 0, 6 * BLOCK), 0);
        t.equal(lstatSync(path('d/holes')).size, 6 * BLOCK);
        close(reader);
        close(writer);
      });

      await t.test('O_DIRECT', async (t) => {
        const fd = opened('d/direct', O_RDWR | O_DIRECT);
        t.ok(fd >= 0, 'is taken');
        const page = aligned(BLOCK);
        t.equal(pread(fd, page, BLOCK, BLOCK), BLOCK);
        t.ok(
          Buffer.alloc(4 * BLOCK, 'direct')
            .subarray(BLOCK, 2 * BLOCK)
            .equals(page),
          'what the file holds',
        );
        page.fill(0x58);
        t.equal(pwrite(fd, page, BLOCK, 2 * BLOCK), BLOCK);
        t.equal(readFileSync(path('d/direct')).indexOf('X'), 2 * BLOCK);
        close(fd);
      });

      await t.test('O_TMPFILE and RENAME_EXCHANGE', async (t) => {
        const fd = opened('d', O_RDWR | O_TMPFILE);
        t.equal(write(fd, Buffer.from('unnamed'), 7), 7);
        t.equal(linkat(AT_FDCWD, procPath(fd), AT_FDCWD, cstring(path('d/named')), AT_SYMLINK_FOLLOW), 0);
        close(fd);
        t.equal(readFileSync(path('d/named'), 'utf8'), 'unnamed');
        const exchanged = renameat2(
          AT_FDCWD,
          cstring(path('d/a')),
          AT_FDCWD,
          cstring(path('b')),
          RENAME_EXCHANGE,
        );
        t.equal(exchanged, 0, 'one of the old storage with one of the new');
        t.equal(readFileSync(path('d/a'), 'utf8'), 'b');
        t.equal(readFileSync(path('b')).length, 4 * BLOCK);
      });

      await t.test('locks', async (t) => {
        const lock = (fd: number) => setLock(fd, new FileLock().set(F_WRLCK, 0, 0));
        const first = opened('d/locked', O_RDWR);
        const second = opened('d/locked', O_RDWR);
        t.equal(lock(first), 0);
        t.equal(lock(second), -EAGAIN, "fcntl's exclude");
        close(first);
        t.equal(lock(second), 0, 'until the holder closes the file');
        close(second);

        const before = openSync(path('d/flocked'), 'r');
        t.equal(flock(before, LOCK_EX | LOCK_NB), 0);
        t.equal(whereIs(m, 'd/flocked'), 'lower');
        const after = openSync(path('d/flocked'), 'r+');
        t.equal(whereIs(m, 'd/flocked'), 'upper');
        t.equal(flock(after, LOCK_EX | LOCK_NB), -EAGAIN, "flock's exclude from before the move to after it");
        closeSync(before);
        t.equal(flock(after, LOCK_EX | LOCK_NB), 0);
        closeSync(after);
      });
    });
  }
}
