import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, symlinkSync } from 'node:fs';
import { promisify } from 'node:util';
import t from 'tap';
import { ENOTDIR } from '../../protocol/errno.ts';
import { Log } from '../../src/log/log.ts';
import { describeTarget, type LogTarget, openLogTarget, reopenLogTarget } from '../../src/log/target.ts';
import { close } from '../../src/sys/fd.ts';
import { TYPESCRIPT } from '../typescript/arguments.ts';
import { closedOnExec } from './helpers.ts';

// Below a file there is nothing.
const none = '/proc/version/log';
const around = (path: string, uid: number, env = {}) => ({
  uid,
  env,
  syslog: none,
  rootFile: `${path}/root.log`,
});
const closeTarget = (target: LogTarget) => target.kind === 'file' && close(target.fd);

t.test('a file that is named wins, in the foreground too', async (t) => {
  const path = `${t.testdir()}/my.log`;
  const umask = process.umask(0);
  const target = openLogTarget({ logFile: path, foreground: true });
  process.umask(umask);
  t.match(target, { kind: 'file', path });
  if (target.kind !== 'file') return;
  t.equal(statSync(path).mode & 0o777, 0o640);
  t.ok(closedOnExec(target.fd), 'children do not inherit it');
  t.equal(describeTarget(target), path);
  new Log(target).info('first');
  closeTarget(target);
  const again = openLogTarget({ logFile: path, foreground: false });
  if (again.kind === 'failed') return t.fail(again.message);
  new Log(again).info('second');
  t.equal(readFileSync(path, 'utf8').split('\n').length, 3, 'appended');
  closeTarget(again);
  return;
});

t.test('a file that cannot be opened: which, why, what to do', async (t) => {
  const target = openLogTarget({ logFile: none, foreground: false });
  t.equal(target.kind, 'failed');
  if (target.kind === 'failed') t.match(target.message, /\/proc\/version\/log \(ENOTDIR\).*--log-file/);
  t.match(openLogTarget({ logFile: t.testdir(), foreground: false }), { kind: 'failed', message: /EISDIR/ });
});

t.test('foreground: stderr', async (t) => {
  const target = openLogTarget({ foreground: true });
  t.equal(target.kind, 'stderr');
  if (target.kind === 'stderr') t.equal(describeTarget(target), 'standard error');
});

t.test('no syslog: the default files', async (t) => {
  const path = t.testdir();
  const root = openLogTarget({ foreground: false }, around(path, 0));
  t.match(root, { kind: 'file', path: `${path}/root.log` });
  const state = openLogTarget({ foreground: false }, around(path, 1000, { XDG_STATE_HOME: `${path}/state` }));
  t.match(state, { kind: 'file', path: `${path}/state/migratefs/migratefs.log` });
  t.equal(statSync(`${path}/state/migratefs`).mode & 0o777, 0o700);
  const home = openLogTarget(
    { foreground: false },
    around(path, 1000, { HOME: path, XDG_STATE_HOME: 'relative' }),
  );
  t.match(home, { kind: 'file', path: `${path}/.local/state/migratefs/migratefs.log` });
  for (const each of [root, state, home]) if (each.kind !== 'failed') closeTarget(each);

  t.match(openLogTarget({ foreground: false }, around(path, 1000, { HOME: `${path}/root.log` })), {
    kind: 'failed',
    message: /migratefs\.log \(ENOTDIR\)/,
  });
  mkdirSync(`${path}/other`);
  symlinkSync(`${path}/elsewhere`, `${path}/other/root.log`);
  t.match(openLogTarget({ foreground: false }, around(`${path}/other`, 0)), {
    kind: 'failed',
    message: /ELOOP/,
  });
  t.notOk(existsSync(`${path}/elsewhere`), 'the default file is no symlink');
});

t.test('reopened after rotation, under the same number', async (t) => {
  const path = `${t.testdir()}/log`;
  const target = openLogTarget({ logFile: path, foreground: false });
  if (target.kind !== 'file') return t.fail();
  const log = new Log(target);
  log.info('before');
  renameSync(path, `${path}.1`);
  log.info('still');
  t.equal(reopenLogTarget(target), 0);
  log.info('after');
  t.match(readFileSync(`${path}.1`, 'utf8'), /before\n.*still\n$/);
  t.match(readFileSync(path, 'utf8'), /^time=\S+ level=info event=after\n$/);
  t.equal(reopenLogTarget({ ...target, path: none }), -ENOTDIR);
  log.info('goes on');
  t.match(readFileSync(path, 'utf8'), /goes on/);
  t.equal(reopenLogTarget({ kind: 'stderr' }), 0);
  closeTarget(target);
  return;
});

t.test('a stopped reader of stderr holds nobody up', async (t) => {
  // The shell's pipe is read by `sleep`, that is, by nobody.
  const script = new URL('./fill-stderr.ts', import.meta.url).pathname;
  const args = TYPESCRIPT.join(' ');
  const out = `${t.testdir()}/out`;
  await promisify(execFile)('sh', ['-c', `(${process.execPath} ${args} ${script} > ${out}) 2>&1 | sleep 4`], {
    timeout: 60_000,
  });
  const { kind, ownDescriptor, dropped, ms } = JSON.parse(readFileSync(out, 'utf8'));
  t.strictSame([kind, ownDescriptor], ['stderr', true]);
  t.ok(dropped > 0);
  t.ok(ms < 3000, `${ms} ms`);
});
