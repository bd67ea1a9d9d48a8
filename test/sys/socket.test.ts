import { execFileSync, spawn } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import t from 'tap';
import {
  EAGAIN,
  EBADF,
  ECONNREFUSED,
  EINVAL,
  ENAMETOOLONG,
  ENODATA,
  ENOENT,
  ENOTSOCK,
  EPIPE,
} from '../../protocol/errno.ts';
import { AT_EMPTY_PATH, S_IFSOCK } from '../../src/sys/constants.ts';
import { cstring, EMPTY } from '../../src/sys/cstring.ts';
import { close, getFlags, memfd, pread, pwrite, read, write } from '../../src/sys/fd.ts';
import { mknodat, statx } from '../../src/sys/path.ts';
import * as socket from '../../src/sys/socket.ts';
import { Stat } from '../../src/sys/stat.ts';

const pairOf = () => {
  const pair = new Int32Array(2);
  socket.socketpair(pair);
  return pair as unknown as [number, number];
};

t.test('a descriptor travels', async (t) => {
  const [a, b] = pairOf();
  const file = memfd(cstring('test'));
  pwrite(file, Buffer.from('inside'), 6, 0);
  t.equal(socket.sendDescriptor(a, file), 1);
  const received = socket.receiveDescriptor(b);
  t.ok(received > 2 && received !== file);
  const [one, two] = [new Stat(), new Stat()];
  statx(file, EMPTY, AT_EMPTY_PATH, 0x7ff, one);
  statx(received, EMPTY, AT_EMPTY_PATH, 0x7ff, two);
  t.ok(one.sameObject(two));
  const bytes = Buffer.alloc(6);
  t.equal(pread(received, bytes, 6, 0), 6);
  t.equal(bytes.toString(), 'inside');

  const child = execFileSync('ls', ['/proc/self/fd'], { encoding: 'utf8' }).split('\n');
  t.notOk(child.includes(String(received)), 'not inherited by children');

  t.equal(socket.sendDescriptor(a, 1 << 20), -EBADF);
  write(a, Buffer.from('x'), 1);
  t.equal(socket.receiveDescriptor(b), -ENODATA, 'a byte alone');
  close(a);
  t.equal(socket.receiveDescriptor(b), -ENODATA, 'the end');
  t.equal(socket.sendDescriptor(b, file), -EPIPE);
  t.equal(socket.receiveDescriptor(file), -ENOTSOCK);
  for (const each of [b, file, received]) close(each);
});

t.test('several descriptors at once are refused and not leaked', async (t) => {
  const [a, b] = pairOf();
  const path = `${t.testdir({ sent: '' })}/sent`;
  const script = `import socket, array, sys
s = socket.socket(fileno=3)
file = open(sys.argv[1])
f = file.fileno()
s.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [f, f, f]))])`;
  const child = spawn('python3', ['-c', script, path], { stdio: ['ignore', 'ignore', 'ignore', a] });
  const code = await new Promise((done) => child.on('close', done).on('error', () => done(-1)));
  if (code !== 0) t.pass('needs python3', { skip: true });
  else {
    t.equal(socket.receiveDescriptor(b), -EINVAL);
    const links = readdirSync('/proc/self/fd').map((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return ''; // the directory's own descriptor, closed again
      }
    });
    t.notOk(links.includes(path));
  }
  close(a);
  close(b);
});

t.test('send', async (t) => {
  const [a, b] = pairOf();
  t.equal(socket.send(a, Buffer.from('hello'), 0), 5);
  const bytes = Buffer.alloc(16);
  t.equal(read(b, bytes, 16), 5);
  const big = Buffer.alloc(65_536);
  let last = 0;
  for (let i = 0; i < 1000 && last >= 0; i++) last = socket.send(a, big, socket.MSG_DONTWAIT);
  t.equal(last, -EAGAIN, 'a full socket does not hold us up');
  close(b);
  t.equal(socket.send(a, big, socket.MSG_NOSIGNAL), -EPIPE);
  close(a);
  t.equal(getFlags(a), -EBADF);
});

t.test('nobody at the other end', async (t) => {
  const path = t.testdir();
  t.equal(socket.connectUnixDatagram(cstring(`${path}/none`)), -ENOENT);
  mknodat(-100, cstring(`${path}/dead`), S_IFSOCK | 0o600, 0);
  t.equal(socket.connectUnixDatagram(cstring(`${path}/dead`)), -ECONNREFUSED);
  t.equal(socket.connectUnixDatagram(cstring('x'.repeat(108))), -ENAMETOOLONG);
});
