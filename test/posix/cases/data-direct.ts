// O_DIRECT, O_NOATIME and O_PATH: flags that say how a file is reached.

import {
  O_CREAT,
  O_DIRECT,
  O_NOATIME,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  O_SYNC,
  O_TRUNC,
  O_WRONLY,
  SEEK_CUR,
} from '../../../src/sys/constants.ts';
import { MAP_SHARED, MS_SYNC, PROT_READ, PROT_WRITE } from '../calls/files.ts';
import { type Case, cases, dir, file, symlink } from '../case.ts';
import { ALICE, type Context } from '../context.ts';
import { F_GETFL, F_SETFL, MIB, patched, pattern, sameContent } from '../data.ts';

const BLOCK = 4096;

/** Opens with O_DIRECT, where the file system has it. */
function direct(c: Context, path: string, flags: number): number {
  return c.ok(c.open(path, flags | O_DIRECT), 'open with O_DIRECT');
}

/** Reads that are not whole blocks: the layer's own answer. */
const unaligned: Case[] = (
  [
    ['a length', 100, 0],
    ['an offset', BLOCK, 100],
    ['both', 700, 512 + 3],
    ['half a page', 512, 512],
  ] as const
).map(([what, length, offset]) => ({
  name: `O_DIRECT: ${what} that is not whole blocks is answered as the layer answers`,
  given: { f: file(pattern(3 * BLOCK, 1)) },
  run: (c) => {
    const fd = direct(c, 'f', O_RDWR);
    c.asPlain(c.preadAligned(fd, length, offset), 'read');
    const written = c.pwriteAligned(fd, pattern(length, 2), offset);
    c.asPlain(written, 'write');
    const expected =
      written < 0 ? pattern(3 * BLOCK, 1) : patched(pattern(3 * BLOCK, 1), offset, pattern(length, 2));
    sameContent(c, 'f', expected);
  },
}));

const sizes: Case[] = [BLOCK, 2 * BLOCK, 128 * 1024, MIB, 2 * MIB].map((size) => ({
  name: `O_DIRECT: ${size} bytes in one call, written and read, and seen by who reads as usual`,
  given: { f: file(pattern(2 * MIB + BLOCK, 3)) },
  run: (c) => {
    const usual = c.ok(c.open('f', O_RDONLY));
    c.is(c.pread(usual, 3, BLOCK), pattern(2 * MIB + BLOCK, 3).slice(BLOCK, BLOCK + 3));
    const fd = direct(c, 'f', O_RDWR);
    const data = pattern(size, 4);
    c.is(c.pwriteAligned(fd, data, BLOCK), size);
    c.is(c.preadAligned(fd, size, BLOCK) === data, true);
    c.is(c.pread(usual, 3, BLOCK), data.slice(0, 3));
    sameContent(c, 'f', patched(pattern(2 * MIB + BLOCK, 3), BLOCK, data));
  },
}));

export default cases('how it is reached', [
  ...unaligned,
  ...sizes,
  {
    name: 'O_DIRECT: reads at, over and past an end that is not a block’s',
    given: { f: file(pattern(5000, 5)) },
    run: (c) => {
      const fd = direct(c, 'f', O_RDONLY);
      c.is(c.preadAligned(fd, BLOCK, BLOCK), pattern(5000, 5).slice(BLOCK));
      c.is(c.preadAligned(fd, 4 * BLOCK, 0) === pattern(5000, 5), true);
      c.is(c.preadAligned(fd, BLOCK, 2 * BLOCK), '');
      c.is(c.preadAligned(fd, BLOCK, 200 * BLOCK), '');
    },
  },
  {
    name: 'O_DIRECT: memory that is not whole blocks’',
    given: { f: file(pattern(2 * BLOCK, 6)) },
    unless: {
      tmpfs: 'takes any memory',
      btrfs: 'falls back to its cache',
    },
    deviates: {
      mounted: { sees: 'expected EINVAL', why: 'the layer is given memory of the daemon, which is aligned' },
    },
    run: (c) => {
      const fd = direct(c, 'f', O_RDWR);
      c.is(c.preadAligned(fd, BLOCK, 0, 1), 'EINVAL');
      c.is(c.pwriteAligned(fd, pattern(BLOCK, 7), 0, 1), 'EINVAL');
    },
  },
  {
    name: 'O_DIRECT: a write grows the file',
    run: (c) => {
      const fd = direct(c, 'new', O_RDWR | O_CREAT);
      c.is(c.pwriteAligned(fd, pattern(BLOCK, 1), 4 * BLOCK), BLOCK);
      c.is(c.facts('new').size, 5 * BLOCK);
      c.is(c.ffacts(fd).size, 5 * BLOCK);
      sameContent(c, 'new', '\0'.repeat(4 * BLOCK) + pattern(BLOCK, 1));
    },
  },
  {
    name: 'O_DIRECT: what is in memory only is read, and what is read is not old',
    given: { f: file(pattern(4 * BLOCK, 1)) },
    run: (c) => {
      const usual = c.ok(c.open('f', O_RDWR));
      const fd = direct(c, 'f', O_RDWR);
      c.is(c.pwrite(usual, 'cached', 10), 6);
      const got = c.ok(c.preadAligned(fd, BLOCK, 0)) as string;
      c.is(got.slice(9, 17), `${pattern(4 * BLOCK, 1)[9]}cached${pattern(4 * BLOCK, 1)[16]}`);
      c.is(c.pwriteAligned(fd, pattern(BLOCK, 2), 0), BLOCK);
      c.is(c.pread(usual, 10, 5), pattern(BLOCK, 2).slice(5, 15));
      c.is(c.ftruncate(usual, BLOCK), 0);
      c.is(c.preadAligned(fd, BLOCK, BLOCK), '');
    },
  },
  {
    name: 'O_DIRECT taken away by F_SETFL: any length and offset then',
    given: { f: file(pattern(2 * BLOCK, 1)) },
    run: (c) => {
      const fd = direct(c, 'f', O_RDWR);
      c.is(c.pwriteAligned(fd, pattern(BLOCK, 2), 0), BLOCK);
      c.is(c.fcntl(fd, F_SETFL, 0), 0);
      c.is(c.pwrite(fd, 'odd', 13), 3);
      c.is(c.pread(fd, 5, 12), `${pattern(BLOCK, 2)[12]}odd${pattern(BLOCK, 2)[16]}`);
      c.is(c.fcntl(fd, F_GETFL) & O_DIRECT, 0);
    },
  },
  {
    name: 'O_DIRECT set by F_SETFL: the layer’s answer again',
    given: { f: file(pattern(2 * BLOCK, 1)) },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      c.is(c.pwrite(fd, 'odd', 13), 3);
      c.is(c.fcntl(fd, F_SETFL, O_DIRECT), 0);
      c.asPlain(c.pwriteAligned(fd, 'odd', 13), 'write');
      c.asPlain(c.preadAligned(fd, 3, 13), 'read');
      c.is(c.pwriteAligned(fd, pattern(BLOCK, 2), BLOCK), BLOCK);
      c.is(c.preadAligned(fd, BLOCK, BLOCK) === pattern(BLOCK, 2), true);
    },
  },
  {
    name: 'O_DIRECT: a shared mapping is written back, up to an end that is not a block’s',
    given: { f: file(pattern(5000, 1)) },
    run: (c) => {
      const fd = direct(c, 'f', O_RDWR);
      const map = c.ok(c.mmap(2 * BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd)) as number;
      c.is(c.peek(map + 4998, 3), `${pattern(5000, 1).slice(4998)}\0`);
      c.poke(map + 4999, 'T');
      c.poke(map + 7, 'U');
      c.is(c.msync(map, 2 * BLOCK, MS_SYNC), 0);
      c.is(c.fsync(fd), 0);
      c.is(c.munmap(map, 2 * BLOCK), 0);
      c.is(c.close(fd), 0);
      sameContent(c, 'f', patched(patched(pattern(5000, 1), 4999, 'T'), 7, 'U'));
    },
  },
  {
    name: 'O_DIRECT with O_SYNC, O_TRUNC and O_CREAT',
    given: { f: file(pattern(2 * BLOCK, 1)) },
    run: (c) => {
      const fd = direct(c, 'f', O_RDWR | O_SYNC | O_TRUNC);
      c.is(c.facts('f').size, 0);
      c.is(c.pwriteAligned(fd, pattern(BLOCK, 2), 0), BLOCK);
      const made = direct(c, 'new', O_RDWR | O_CREAT | O_SYNC);
      c.is(c.pwriteAligned(made, pattern(BLOCK, 3), 0), BLOCK);
      sameContent(c, 'f', pattern(BLOCK, 2));
      sameContent(c, 'new', pattern(BLOCK, 3));
    },
  },
  {
    name: 'O_NOATIME: EPERM for who is neither owner nor root',
    root: true,
    given: { f: file('content', { mode: 0o666 }), own: file('own', { uid: ALICE.uid, mode: 0o600 }) },
    run: (c) => {
      c.as(ALICE, () => {
        c.is(c.open('f', O_RDONLY | O_NOATIME), 'EPERM');
        c.is(c.open('f', O_WRONLY | O_NOATIME), 'EPERM');
        const plain = c.ok(c.open('f', O_RDONLY));
        c.is(c.fcntl(plain, F_SETFL, O_NOATIME), 'EPERM');
        c.is(c.read(c.ok(c.open('own', O_RDONLY | O_NOATIME)), 9), 'own');
      });
    },
  },
  {
    name: 'O_NOATIME: atime stays, when open says so and when F_SETFL does',
    deviates: {
      passthrough: { sees: 'expected 1000000000, got', why: 'the backing file has the flags of open(2)' },
    },
    given: { f: file('content'), g: file('content') },
    run: (c) => {
      for (const [name, flags] of [
        ['f', O_NOATIME],
        ['g', 0],
      ] as const) {
        c.is(c.utimens(name, 1_000_000_000n, 2_000_000_000n), 0);
        const fd = c.ok(c.open(name, O_RDONLY | flags));
        c.is(c.fcntl(fd, F_SETFL, O_NOATIME), 0);
        c.is(c.read(fd, 7), 'content');
        c.is(c.facts(name).atime, 1_000_000_000n);
        c.is(c.fcntl(fd, F_SETFL, 0), 0);
      }
    },
  },
  {
    name: 'O_PATH: fstat and little else',
    given: { f: file('content'), d: dir(), l: symlink('f') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_PATH));
      c.is(c.ffacts(fd).ino, c.facts('f').ino);
      for (const answer of [
        c.read(fd, 1),
        c.pwrite(fd, 'x', 0),
        c.ftruncate(fd, 0),
        c.fchmod(fd, 0),
        c.fsync(fd),
        c.fgetxattr(fd, 'user.x'),
        c.fallocate(fd, 0, 0, 1),
        c.flock(fd, 1),
        c.mmap(4096, PROT_READ, MAP_SHARED, fd),
      ]) {
        c.is(answer, 'EBADF');
      }
      const link = c.ok(c.open('l', O_PATH | O_NOFOLLOW));
      c.is(c.ffacts(link).type, 'symlink');
      c.is(c.readlink('', 100, link), 'f');
      const place = c.ok(c.open('d', O_PATH));
      c.ok(c.openat(place, 'x', O_WRONLY | O_CREAT));
      c.is(c.names('d'), 'x');
    },
  },
  {
    name: 'O_PATH: opened again through /proc, for reading and for writing',
    given: { f: file('content') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_PATH));
      const writing = c.ok(c.open(`/proc/self/fd/${fd}`, O_RDWR));
      c.is(c.pwrite(writing, 'C', 0), 1);
      c.is(c.text(`/proc/self/fd/${fd}`), 'Content');
      c.is(c.ffacts(fd).ino, c.ffacts(writing).ino);
      c.is(c.lseek(writing, 0, SEEK_CUR), 0);
    },
  },
]);
