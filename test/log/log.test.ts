import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { Log, type LogTarget } from '../../src/log/log.ts';
import { openLogTarget } from '../../src/log/target.ts';
import { O_APPEND, O_CLOEXEC, O_CREAT, O_NONBLOCK, O_RDONLY, O_WRONLY } from '../../src/sys/constants.ts';
import { cstring } from '../../src/sys/cstring.ts';
import { close, open, pipe2, read } from '../../src/sys/fd.ts';
import { connectUnixDatagram, socketpair } from '../../src/sys/socket.ts';
import { TYPESCRIPT } from '../typescript/arguments.ts';

const fileTarget = (path: string): LogTarget & { kind: 'file' } => {
  const fd = open(cstring(path), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600);
  return { kind: 'file', fd, path };
};

t.test('one line for each event, from its level on', async (t) => {
  const path = `${t.testdir()}/log`;
  const target = fileTarget(path);
  const log = new Log(target, 'warn');
  log.error('broken', { path: Buffer.from('a b\0'), errno: 'EIO' });
  log.warn('odd');
  log.info('not told');
  log.debug('not told');
  t.ok(log.enabled('warn'));
  t.notOk(log.enabled('info'));
  const lines = readFileSync(path, 'utf8').split('\n');
  t.equal(lines.length, 3);
  t.match(
    lines[0],
    /^time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z level=error event=broken path="a b" errno=EIO$/,
  );
  t.match(lines[1], /^time=\S+ level=warn event=odd$/);
  close(target.fd);
});

t.test('lines of several threads stay whole', async (t) => {
  const path = `${t.testdir()}/log`;
  const target = fileTarget(path);
  const url = new URL('./log-thread.ts', import.meta.url);
  const threads = [1, 2, 3].map((thread) => new Worker(url, { workerData: { target, thread } }));
  await Promise.all(threads.map((thread) => once(thread, 'exit')));
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  t.equal(lines.length, 600);
  for (const thread of [1, 2, 3]) {
    const whole = new RegExp(`^time=\\S+ level=info event=filler thread=${thread} text="(\\\\n){300}"$`);
    t.equal(lines.filter((line) => whole.test(line)).length, 200);
  }
  close(target.fd);
});

t.test('a full pipe drops lines, counts them and tells it later', async (t) => {
  const pair = new Int32Array(2);
  pipe2(pair, O_NONBLOCK | O_CLOEXEC);
  const [out, into] = pair as unknown as [number, number];
  const log = new Log({ kind: 'stderr', fd: into });
  const start = performance.now();
  for (let i = 0; i < 2000; i++) log.info('filler', { text: 'x'.repeat(100) });
  t.ok(performance.now() - start < 2000);
  const lost = log.dropped;
  t.ok(lost > 0 && lost < 2000);
  const bytes = Buffer.alloc(1 << 20);
  read(out, bytes, bytes.length);
  log.info('works');
  t.equal(log.dropped, 0);
  const text = bytes.toString('utf8', 0, read(out, bytes, bytes.length));
  t.match(
    text,
    new RegExp(
      `^time=\\S+ level=warn event=log_lines_dropped lines=${lost} reason=EAGAIN\\ntime=\\S+ level=info event=works\\n$`,
    ),
  );
  close(out);
  log.info('nobody reads');
  t.equal(log.dropped, 1);
  close(into);
  log.info('no descriptor');
  t.equal(log.dropped, 2);
});

t.test('what one thread has lost another one tells, or the end', async (t) => {
  const path = `${t.testdir()}/pipe`;
  execFileSync('sh', ['-c', 'mkfifo "$0"', path]);
  const out = open(cstring(path), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  const target = openLogTarget({ logFile: path, foreground: true });
  if (target.kind !== 'file') throw new Error('no log');
  const [one, other] = [new Log(target), new Log(target)];
  const bytes = Buffer.alloc(1 << 20);
  const drain = () => bytes.toString('utf8', 0, Math.max(0, read(out, bytes, bytes.length)));
  const fill = () => {
    for (let i = 0; i < 100; i++) one.info('filler', { text: 'x'.repeat(4000) });
    return one.dropped;
  };
  let lost = fill();
  t.ok(lost > 0);
  t.equal(other.dropped, lost);
  drain();
  other.info('works');
  t.match(drain(), new RegExp(` event=log_lines_dropped lines=${lost} reason=EAGAIN\\n.* event=works\\n$`));
  t.equal(one.dropped, 0);
  lost = fill();
  other.end();
  t.equal(other.dropped, lost, 'not before there is room');
  drain();
  other.end();
  one.end();
  t.match(
    drain(),
    new RegExp(`^time=\\S+ level=warn event=log_lines_dropped lines=${lost} reason=EAGAIN\\n$`),
  );
  close(out);
  close(target.fd);
});

t.test('stderr may be a socket', async (t) => {
  const pair = new Int32Array(2);
  socketpair(pair);
  const [a, b] = pair as unknown as [number, number];
  const log = new Log({ kind: 'stderr', fd: a });
  const bytes = Buffer.alloc(1000);
  log.info('hello');
  t.match(bytes.toString('utf8', 0, read(b, bytes, 1000)), /event=hello\n$/);
  const start = performance.now();
  for (let i = 0; i < 3000; i++) log.info('filler', { text: 'x'.repeat(1000) });
  t.ok(log.dropped > 0);
  t.ok(performance.now() - start < 3000);
  close(a);
  close(b);
});

t.test("a line cut by a full disk does not swallow the next one, nor another thread's", async (t) => {
  const path = t.testdir();
  const script = new URL('./full-disk.ts', import.meta.url).pathname;
  execFileSync(process.execPath, [...TYPESCRIPT, script, `${path}/log`], { timeout: 60_000 });
  const text = readFileSync(`${path}/log`, 'utf8');
  t.match(
    text,
    /\ntime=\S+ level=warn event=log_lines_dropped lines=\d+ reason=EFBIG\ntime=\S+ level=info event=works\n$/,
  );
});

t.test('datagrams to the system log', async (t) => {
  const path = `${t.testdir()}/s`;
  const script = `import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("ready", flush=True)
for i in range(2): print(s.recv(9000).decode(), flush=True)`;
  const child = spawn('python3', ['-c', script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const started = await new Promise((done) => {
    child.stdout.once('data', () => done(true));
    child.once('error', () => done(false));
  });
  if (!started) return t.pass('needs python3', { skip: true });
  const fd = connectUnixDatagram(cstring(path));
  t.ok(fd > 2);
  const log = new Log({ kind: 'syslog', fd });
  log.warn('odd', { path: 'a\nb' });
  log.info('long', { path: Buffer.alloc(20_000, 'x') });
  await once(child, 'close');
  const lines = text.split('\n');
  t.match(
    lines[1],
    new RegExp(
      `^<28>\\w{3} [ \\d]\\d [\\d:]{8} migratefs\\[${process.pid}\\]: level=warn event=odd path="a\\\\nb"$`,
    ),
  );
  t.match(lines[2], /^<30>.*event=long path=x+…$/);
  log.info('nobody listens');
  t.equal(log.dropped, 1);
  close(fd);
  return;
});
