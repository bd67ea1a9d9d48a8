// The sick file system itself: it passes everything on while it is well, and does what it is told when it is not.

import { spawn } from 'node:child_process';
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import t, { type Test } from 'tap';
import { mountAt } from '../../src/sys/mountinfo.ts';
import { mountMissing, outcome, sh, treeDigest } from '../mounted/support.ts';
import { Sick } from './sick.ts';

const skip = mountMissing() ?? (process.geteuid?.() === 0 ? false : 'root alone can mount it');

interface Patient {
  sick: Sick;
  behind: string;
  point: string;
}

function test(name: string, body: (t: Test, patient: Patient) => Promise<void>): Promise<unknown> {
  return t.test(name, { skip }, async (t) => {
    const dir = mkdtempSync(`${tmpdir()}/migratefs-sick-`);
    const [behind, point] = [`${dir}/behind`, `${dir}/point`];
    mkdirSync(behind);
    mkdirSync(point);
    const sick = await Sick.mount(behind, point);
    t.teardown(async () => {
      const fault = await sick.unmount();
      if (fault !== undefined) throw new Error(fault);
      rmSync(dir, { recursive: true });
    });
    await body(t, { sick, behind, point });
  });
}

/** A process that reads a file; its exit status and its signal come as one word. */
function reader(path: string): { ended: Promise<string>; kill: (signal: NodeJS.Signals) => void } {
  const child = spawn('cat', [path], { stdio: 'ignore' });
  const ended = new Promise<string>((resolve) => {
    child.once('exit', (status, signal) => resolve(`${signal ?? status}`));
  });
  return { ended, kill: (signal) => child.kill(signal) };
}

await test('well, it is the directory behind it', async (t, { sick, behind, point }) => {
  mkdirSync(`${point}/d`);
  writeFileSync(`${point}/d/file`, 'content', { mode: 0o640 });
  linkSync(`${point}/d/file`, `${point}/d/again`);
  symlinkSync('d/file', `${point}/link`);
  t.equal(readFileSync(`${point}/link`, 'latin1'), 'content');
  t.equal(statSync(`${point}/d/again`).nlink, 2);
  writeFileSync(`${point}/old`, 'x'.repeat(3 << 20));
  renameSync(`${point}/old`, `${point}/d/new`);
  sh('setfattr -n user.a -v b d/new; touch -d @1000000000.5 d/new; truncate -s 2M d/new; mkfifo d/fifo', {
    cwd: point,
  });
  sh('mkdir g; chown 7:8 g; chmod 2777 g; setpriv --reuid 5 --regid 6 --clear-groups bash -c "echo x >g/f"', {
    cwd: point,
  });
  const { uid, gid } = statSync(`${behind}/g/f`);
  t.same([uid, gid], [5, 8]);
  mkdirSync(`${point}/gone`);
  rmdirSync(`${point}/gone`);
  unlinkSync(`${point}/d/again`);
  t.same(readdirSync(`${point}/d`).sort(), ['fifo', 'file', 'new']);
  t.same(treeDigest(point), treeDigest(behind));
  const fd = openSync(`${point}/d/file`, 'r+');
  writeSync(fd, 'C');
  fsyncSync(fd);
  closeSync(fd);
  t.equal(readFileSync(`${behind}/d/file`, 'latin1'), 'Content');
  t.equal(statfsSync(point).blocks, statfsSync(behind).blocks);
  const { LOOKUP = 0, FSYNC } = await sick.counts();
  t.ok(LOOKUP > 10);
  t.equal(FSYNC, 1);
});

await test('what hangs holds nobody else up, and goes on', async (t, { sick, behind, point }) => {
  for (const name of ['a', 'b']) writeFileSync(`${behind}/${name}`, name);
  await sick.hang({ operations: ['OPEN'], path: '^/a$' });
  const readers = [reader(`${point}/a`), reader(`${point}/a`), reader(`${point}/a`)] as const;
  const hanging = await sick.hangs(3);
  t.match(hanging, [{ operation: 'OPEN', path: '/a' }]);
  t.equal(readFileSync(`${point}/b`, 'latin1'), 'b');
  readers[0].kill('SIGINT');
  t.equal(await readers[0].ended, 'SIGINT');
  t.equal((await sick.hanging()).length, 2);
  await sick.stubborn(true);
  readers[1].kill('SIGKILL');
  t.equal((await sick.hangs(2)).length, 2, 'one that cannot even be killed');
  await sick.release();
  t.same(await Promise.all([readers[1].ended, readers[2].ended]), ['SIGKILL', '0']);
});

await test('errnos, short writes and delays, in turn', async (t, { sick, behind, point }) => {
  writeFileSync(`${behind}/file`, 'content');
  await sick.fail('EIO', { operations: ['OPEN'], path: '/file$', from: 2, times: 1 });
  const read = () => outcome(() => readFileSync(`${point}/file`, 'latin1'));
  t.same([read(), read(), read()], ['content', 'EIO', 'content']);
  await sick.release();
  await sick.short(3, { operations: ['WRITE'], times: 1 });
  await sick.fail('ENOSPC', { operations: ['WRITE'] }); // some kernels write the rest themselves
  const fd = openSync(`${point}/file`, 'w');
  t.equal(writeSync(fd, 'abcdef'), 3);
  closeSync(fd);
  t.equal(readFileSync(`${behind}/file`, 'latin1'), 'abc');
  await sick.release();
  await sick.delay(150, { operations: ['GETATTR', 'LOOKUP'] });
  const start = performance.now();
  statSync(`${point}/file`);
  t.ok(performance.now() - start >= 149);
});

await test('aborted, everybody gets an error', async (t, { sick, behind, point }) => {
  writeFileSync(`${behind}/file`, 'content');
  await sick.hang();
  await sick.stubborn(true);
  const hung = reader(`${point}/file`);
  await sick.hangs(1);
  await sick.abort();
  t.equal(await hung.ended, '1');
  t.not(mountAt(point), undefined);
});
