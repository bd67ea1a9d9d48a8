// passthrough=upper: the kernel reads and writes files of the new storage by itself. Nobody must notice, but by the speed.

import {
  closeSync,
  linkSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import t, { type Test } from 'tap';
import { type Mounted, mountTest, run, sh, shAs, until, whereIs } from './support.ts';

const BOB = { uid: 4002, gid: 4002 };
const all = { root: true, debug: true, options: 'passthrough=upper,cache=none' };

/** What has come to the daemon since the last call, of one operation. */
function counter(m: Mounted): (operation: string) => number {
  let from = m.log().length;
  return (operation) => {
    const log = m.log();
    const seen = log.slice(from);
    from = log.length;
    return seen
      .split('\n')
      .filter((line) => line.includes('event=request') && line.includes(` ${operation} `)).length;
  };
}

const old = ({ lower: [lower] }: { lower: string[] }) => {
  for (const name of ['f', 'g']) writeFileSync(`${lower}/${name}`, 'old\n');
  linkSync(`${lower}/g`, `${lower}/h`);
};

await mountTest(
  t,
  'what is new, and what has come up, is read and written past the daemon',
  { ...all, prepare: old },
  (t, m) => {
    const reads = counter(m);
    const writes = counter(m);
    const append = (name: string, text: string) =>
      `exec 5<>${name}; cat <&5 >/dev/null; echo ${text} >&5; exec 5>&-`;
    sh(`echo new >n; ${append('n', 'more')}; cat n; ${append('f', 'more')}; ${append('f', 'last')}; cat f`, {
      cwd: m.mnt,
    });
    t.equal(reads('READ'), 0);
    t.equal(writes('WRITE'), 0);
    t.equal(readFileSync(`${m.mnt}/n`, 'utf8'), 'new\nmore\n');
    t.equal(readFileSync(`${m.mnt}/f`, 'utf8'), 'old\nmore\nlast\n');
    t.equal(readFileSync(`${m.upper}/f`, 'utf8'), 'old\nmore\nlast\n');
    t.equal(statSync(`${m.mnt}/f`).size, 14, 'the kernel knows its size');
  },
);

await mountTest(
  t,
  'a file that comes up while it is read goes through the daemon until it is closed',
  { ...all, prepare: old },
  async (t, m) => {
    const reader = openSync(`${m.mnt}/f`, 'r');
    const bytes = Buffer.alloc(100);
    const read = (fd: number) => bytes.toString('utf8', 0, readSync(fd, bytes, 0, 100, 0));
    t.equal(read(reader), 'old\n');
    const writer = openSync(`${m.mnt}/f`, 'a');
    writeSync(writer, 'more\n');
    const another = openSync(`${m.mnt}/f`, 'r');
    t.equal(read(reader), 'old\nmore\n');
    t.equal(read(another), 'old\nmore\n');
    const releases = counter(m);
    let released = 0;
    for (const fd of [reader, writer, another]) closeSync(fd);
    await until('released', () => {
      released += releases('RELEASE');
      return released === 3;
    });
    const writes = counter(m);
    sh('exec 5<>f; cat <&5 >/dev/null; echo last >&5', { cwd: m.mnt });
    t.equal(writes('WRITE'), 0, 'and then past it');
    t.equal(readFileSync(`${m.mnt}/f`, 'utf8'), 'old\nmore\nlast\n');
  },
);

await mountTest(t, 'openers come and go', { ...all, prepare: old }, async (t, m) => {
  const fds = [];
  for (let i = 0; i < 200; i++) {
    fds.push(openSync(`${m.mnt}/${['n', 'g', 'h'][i % 3]}`, i % 2 === 0 ? 'a' : 'a+'));
    if (i % 5 === 4) closeSync(fds.shift() as number);
  }
  for (const fd of fds) writeSync(fd, `${fd}\n`);
  for (const fd of fds) closeSync(fd);
  const lines = (name: string) => readFileSync(`${m.mnt}/${name}`, 'utf8').split('\n').length;
  t.equal(lines('n') + lines('g'), fds.length + 3);
  t.equal(lines('g'), lines('h'), 'one file');
  // Each that was not given back would hold a file open in the kernel.
  const openFiles = () => Number(readFileSync('/proc/sys/fs/file-nr', 'utf8').split('\t')[0]);
  const before = openFiles();
  for (let i = 0; i < 1000; i++) closeSync(openSync(`${m.mnt}/n`, 'a'));
  await until('files closed by the kernel', () => openFiles() < before + 500);
});

await mountTest(
  t,
  'a write by another user takes set-id bits away, whoever has opened the file first',
  { ...all, needs: ['setpriv'] },
  (t, m) => {
    sh('chmod 777 .', { cwd: m.mnt });
    for (const first of ['root', 'bob']) {
      const name = `s-${first}`;
      sh(`echo x >${name}; chmod 6777 ${name}`, { cwd: m.mnt });
      const held = first === 'root' ? openSync(`${m.mnt}/${name}`, 'a') : undefined;
      t.equal(shAs(BOB, `echo y >>"$1"/${name}`, { args: [m.mnt] }).status, 0);
      if (held !== undefined) closeSync(held);
      for (const dir of [m.upper, m.mnt])
        t.equal(statSync(`${dir}/${name}`).mode & 0o7777, 0o777, `${first}, ${dir}`);
    }
  },
);

await mountTest(
  t,
  'the kernel goes on believing in no set-id bits of a file that it writes by itself',
  { ...all, options: 'passthrough=upper,cache=exclusive', needs: ['setpriv'] },
  (t, m) => {
    const script = `
      echo x >f; exec 5>>f; chmod 6777 f; stat -c %a f
      setpriv --reuid ${BOB.uid} --regid ${BOB.gid} --clear-groups bash -c 'echo y >&5'
      stat -c %a f; exec 5>&-
      chmod 6777 f; stat -c %a f; setpriv --reuid ${BOB.uid} --regid ${BOB.gid} --clear-groups bash -c 'echo z >>f'; stat -c %a f`;
    t.equal(sh(script, { cwd: m.mnt }), '6777\n777\n6777\n777');
    t.equal(readFileSync(`${m.mnt}/f`, 'utf8'), 'x\ny\nz\n');
  },
);

/** Runs a Python program in the mount. */
function python(t: Test, m: Mounted, script: string): string {
  const { status, stdout, stderr } = run('python3', ['-c', script], { cwd: m.mnt });
  t.equal(status, 0, `${stderr}`);
  return `${stdout}`;
}

await mountTest(
  t,
  'mappings, flags and holes are as on the storage',
  { ...all, needs: ['python3'] },
  (t, m) => {
    const said = python(
      t,
      m,
      `
import os, mmap, fcntl
fd = os.open('f', os.O_RDWR | os.O_CREAT)
os.pwrite(fd, b'a' * 8192, 0)
with mmap.mmap(fd, 8192) as pages:
  pages[4096:4100] = b'zzzz'
  pages.flush()
  print(os.pread(fd, 4, 4096), pages[:2])
fcntl.fcntl(fd, fcntl.F_SETFL, os.O_APPEND)
os.pwrite(fd, b'end', 0)
os.ftruncate(fd, 8194)
print(os.fstat(fd).st_size, os.pread(fd, 9, 8190))
os.rename('f', 'g')
os.unlink('g')
os.fsync(fd)
print(os.fstat(fd).st_nlink)
`,
    );
    t.equal(said, "b'zzzz' b'aa'\n8194 b'aaen'\n0\n");
    t.equal(whereIs(m, 'g'), '');
  },
);
