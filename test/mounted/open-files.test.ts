// Files while they are open: unlinked, appended to by many, mapped, cut, allocated, with holes.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  closeSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  futimesSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  statfsSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import t from 'tap';
import { SEEK_DATA, SEEK_HOLE } from '../../src/sys/constants.ts';
import { fallocate, lseek } from '../../src/sys/fd.ts';
import { cleanEnv, Hung, mountTest, must, outcome, sh, whereIs } from './support.ts';

const text = ({ upper, lower: [a = ''] }: { upper: string; lower: string[] }) => {
  for (const name of ['r', 'w', 'x', 'cut', 'kept', 'log']) writeFileSync(`${a}/${name}`, `old ${name}\n`);
  writeFileSync(`${upper}/u`, 'old u\n');
};

await mountTest(
  t,
  'an open file of which another object has the name when that is removed stays itself',
  { prepare: text, faults: true, options: 'cache=none', needs: ['perl', 'mkfifo'] },
  async (t, m) => {
    for (const [point, act] of [
      ['remove.hidden', 'unlink "u"'],
      ['rename.hidden', 'rename "x", "u"'],
    ] as const) {
      const fd = openSync(`${m.mnt}/u`, 'r');
      const stopped = m.faults.pause(point);
      const acting = new Hung('perl', '-e', `chdir $ARGV[0]; ${act} or exit 1`, m.mnt);
      const there = await stopped();
      sh('mv "$1/u" "$1/elsewhere"; mkfifo "$1/u"', { args: [m.upper] });
      there.go();
      t.equal(await acting.ended, '0', act);
      const seen = fstatSync(fd);
      t.same([seen.isFile(), seen.size], [true, 6]);
      t.equal(readSync(fd, Buffer.alloc(10), 0, 10, 0), 6);
      closeSync(fd);
      sh('rm -f "$1/u"; mv "$1/elsewhere" "$1/u"', { args: [m.upper] });
    }
  },
);

await mountTest(t, 'unlinked open files go on working', { prepare: text }, (t, m) => {
  for (const [name, flags] of [
    ['r', 'r'],
    ['w', 'r+'],
    ['u', 'r+'],
  ] as const) {
    const fd = openSync(`${m.mnt}/${name}`, flags);
    const { ino } = fstatSync(fd);
    unlinkSync(`${m.mnt}/${name}`);
    t.equal(whereIs(m, name), '', 'gone from both');
    const bytes = Buffer.alloc(20);
    t.equal(readSync(fd, bytes, 0, 20, 0), 6);
    t.equal(bytes.toString('latin1', 0, 6), `old ${name}\n`);
    let stat = fstatSync(fd);
    t.match(stat, { ino, nlink: 0, size: 6 });
    fchmodSync(fd, 0o604);
    futimesSync(fd, 1000, 2000.5);
    fchownSync(fd, stat.uid, stat.gid);
    stat = fstatSync(fd);
    t.match(stat, { ino, nlink: 0, mtimeMs: 2_000_500 });
    t.equal(stat.mode & 0o7777, 0o604);
    if (flags === 'r+') {
      t.equal(writeSync(fd, 'NEW AND LONGER', 0), 14);
      t.equal(readSync(fd, bytes, 0, 20, 4), 10);
      ftruncateSync(fd, 3);
      t.equal(fstatSync(fd).size, 3);
      fsyncSync(fd);
    }
    t.equal(
      readFileSync(`/proc/self/fd/${fd}`, 'latin1'),
      flags === 'r' ? `old ${name}\n` : 'NEW',
      'opened again',
    );
    writeFileSync(`${m.mnt}/${name}`, 'another');
    t.not(statSync(`${m.mnt}/${name}`).ino, fstatSync(fd).ino, 'a new file of the name is another');
    t.equal(fstatSync(fd).nlink, 0);
    closeSync(fd);
    t.equal(readFileSync(`${m.mnt}/${name}`, 'latin1'), 'another');
  }
  const fd = openSync(`${m.mnt}/x`, 'r');
  writeFileSync(`${m.mnt}/y`, 'over');
  renameSync(`${m.mnt}/y`, `${m.mnt}/x`);
  t.equal(readFileSync(fd, 'latin1'), 'old x\n', 'replaced by a rename: the old file still');
  t.equal(fstatSync(fd).nlink, 0);
  closeSync(fd);
  t.equal(readFileSync(`${m.mnt}/x`, 'latin1'), 'over');
});

await mountTest(t, 'O_APPEND of six processes loses and mixes nothing', { prepare: text }, async (t, m) => {
  const script = 'for i in {1..200}; do echo "$1 $i $2"; done >>log';
  const writers = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) =>
    spawn('bash', ['-c', script, 'bash', name, 'x'.repeat(50)], {
      cwd: m.mnt,
      env: cleanEnv(),
      stdio: 'ignore',
    }),
  );
  await Promise.all(writers.map((writer) => once(writer, 'exit')));
  const lines = readFileSync(`${m.mnt}/log`, 'latin1').trimEnd().split('\n');
  t.equal(lines.shift(), 'old log');
  t.equal(lines.length, 1200);
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
    const own = lines.filter((line) => line.startsWith(name));
    t.same(
      own,
      Array.from({ length: 200 }, (_, i) => `${name} ${i + 1} ${'x'.repeat(50)}`),
      'each in its order',
    );
  }
  t.equal(whereIs(m, 'log'), 'upper');
});

/** Maps a file, reads and writes through the map, and looks at it with read(2). */
const MMAP = `
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#define CHECK(x) do { if (!(x)) { perror(#x); return 1; } } while (0)
int main(int c, char **v) {
  char b[8] = "";
  int r = open(v[1], O_RDONLY);
  CHECK(r >= 0);
  char *shown = mmap(0, 4096, PROT_READ, MAP_SHARED, r, 0);
  CHECK(shown != MAP_FAILED && !memcmp(shown, "old", 3));
  int w = open(v[1], O_RDWR);
  CHECK(w >= 0);
  CHECK(ftruncate(w, 8192) == 0);
  char *map = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, w, 0);
  CHECK(map != MAP_FAILED);
  memcpy(map, "NEW", 3); memcpy(map + 5000, "far", 3);
  CHECK(pread(w, b, 3, 5000) == 3 && !memcmp(b, "far", 3));
  CHECK(msync(map, 8192, MS_SYNC) == 0);
  CHECK(!memcmp(shown, "NEW", 3));
  char *own = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, w, 0);
  CHECK(own != MAP_FAILED);
  memcpy(own, "private", 7);
  CHECK(pread(w, b, 3, 0) == 3 && !memcmp(b, "NEW", 3));
  CHECK(pwrite(w, "pwr", 3, 0) == 3 && !memcmp(map, "pwr", 3));
  CHECK(munmap(map, 8192) == 0 && close(w) == 0);
  return 0;
}`;

await mountTest(t, 'memory maps, shared and private', { prepare: text, needs: ['gcc'] }, (t, m) => {
  must('gcc', ['-x', 'c', '-o', `${m.dir}/mmap`, '-'], { input: MMAP });
  must(`${m.dir}/mmap`, [`${m.mnt}/kept`]);
  const content = readFileSync(`${m.upper}/kept`, 'latin1');
  t.equal(content.length, 8192);
  t.match(content, /^pwr kept\n\0/);
  t.equal(content.slice(5000, 5003), 'far');
  must(`${m.dir}/mmap`, [`${m.mnt}/u`]);
  sh('cp /bin/true prog; ./prog; cp prog again; rm prog; ./again', { cwd: m.mnt });
});

await mountTest(t, 'truncate, fallocate, holes, statfs', { backing: 'ext4', prepare: text }, (t, m) => {
  const cut = `${m.mnt}/cut`;
  truncateSync(cut, 3);
  t.equal(readFileSync(`${m.upper}/cut`, 'latin1'), 'old', 'truncate moves what stays');
  t.equal(whereIs(m, 'cut'), 'upper');
  truncateSync(cut, 100_000);
  t.equal(statSync(cut).size, 100_000);
  const fd = openSync(`${m.mnt}/kept`, 'r+');
  t.equal(fallocate(fd, 0, 0, 1 << 20), 0);
  t.equal(fstatSync(fd).size, 1 << 20);
  t.ok(fstatSync(fd).blocks >= 2048);
  const KEEP_SIZE = 1;
  const PUNCH_HOLE = 2;
  writeSync(fd, Buffer.alloc(1 << 20, 'x'), 0, 1 << 20, 0);
  t.equal(fallocate(fd, KEEP_SIZE | PUNCH_HOLE, 65536, 131072), 0);
  t.equal(lseek(fd, 0, SEEK_HOLE), 65536);
  t.equal(lseek(fd, 65536, SEEK_DATA), 65536 + 131072);
  t.equal(lseek(fd, 1 << 20, SEEK_DATA), -6, 'ENXIO past the end');
  t.equal(fallocate(fd, KEEP_SIZE, 0, 4 << 20), 0);
  t.equal(fstatSync(fd).size, 1 << 20);
  closeSync(fd);
  t.equal(sh('fallocate -l 4096 w; stat -c %s w', { cwd: m.mnt }), '4096');
  t.equal(whereIs(m, 'w'), 'upper', 'fallocate moves too');

  const seen = statfsSync(m.mnt);
  const own = statfsSync(m.upper);
  t.match({ ...seen, bsize: 0 }, { blocks: own.blocks, files: own.files, bfree: own.bfree, bsize: 0 });
  t.match(sh('df --output=size . | tail -1; stat -f -c %l .', { cwd: m.mnt }), /^\s*\d+\n255$/);

  t.equal(
    outcome(() => openSync(`${m.mnt}/r`, 'wx')),
    'EEXIST',
  );
  writeFileSync(`${m.mnt}/r`, 'anew');
  t.equal(readFileSync(`${m.upper}/r`, 'latin1'), 'anew', 'O_TRUNC');
  t.equal(whereIs(m, 'r'), 'upper');
  appendFileSync(`${m.mnt}/x`, '');
  t.equal(whereIs(m, 'x'), 'upper');
  t.notOk(readdirSync(`${m.lower[0]}`).some((name) => ['r', 'x', 'w', 'cut', 'kept'].includes(name)));
  sh(
    'dd if=/dev/urandom of=direct bs=4096 count=8 oflag=direct status=none; dd if=direct of=copy bs=4096 iflag=direct status=none; cmp direct copy',
    { cwd: m.mnt },
  );
});
