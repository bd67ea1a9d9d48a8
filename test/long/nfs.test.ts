// A mount exported by a user-space NFS server (nfs-ganesha), used through NFSv4 by a client of its own: reading, writing with
// copy-up, renaming, linking, removing, after the kernel has forgotten everything, and after a new mount. See docs/nfs.md.

import { spawn } from 'node:child_process';
import { linkSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { cleanEnv, isAlive, type Mounted, mountTest, must, until, whereIs } from '../mounted/support.ts';
import { assertHealthy, limit } from './support.ts';

const clientSource = fileURLToPath(new URL('nfs-client.c', import.meta.url));

function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => done(port));
    });
  });
}

/** Starts the server over the mount. @returns what sends commands to it, and what ends it */
async function serve(t: Test, m: Mounted) {
  const port = await freePort();
  const log = `${m.dir}/ganesha.log`;
  mkdirSync(`${m.dir}/recovery`, { recursive: true });
  writeFileSync(log, '');
  writeFileSync(
    `${m.dir}/ganesha.conf`,
    `NFS_CORE_PARAM { Protocols = 4; NFS_Port = ${port}; Bind_addr = 127.0.0.1; Enable_NLM = false; Enable_RQUOTA = false; }
    NFSV4 { Graceless = true; Only_Numeric_Owners = true; RecoveryRoot = ${m.dir}/recovery; }
    EXPORT { Export_Id = 1; Path = ${m.mnt}; Pseudo = /export; Filesystem_id = 77.1; Access_Type = RW; Squash = No_root_squash; SecType = sys; FSAL { Name = VFS; } }`,
  );
  const words = [
    '-F',
    '-L',
    log,
    '-f',
    `${m.dir}/ganesha.conf`,
    '-p',
    `${m.dir}/ganesha.pid`,
    '-N',
    'NIV_EVENT',
  ];
  const server = spawn('ganesha.nfsd', words, { stdio: 'ignore', cwd: '/', env: cleanEnv() });
  const pid = server.pid ?? 0;
  writeFileSync(`${m.dir}/pids`, `${pid}\n`, { flag: 'a' });
  const stop = async () => {
    server.kill('SIGKILL');
    await until('end of the NFS server', () => !isAlive(pid));
  };
  t.teardown(stop);
  await until(
    'the NFS server serves',
    () => {
      if (!isAlive(pid))
        throw new Error(`the NFS server ended:\n${readFileSync(log, 'latin1').slice(-2000)}`);
      return readFileSync(log, 'latin1').includes('NFS SERVER INITIALIZED');
    },
    60_000,
  );
  const ask = (...commands: string[]): string[] =>
    must(`${m.dir}/nfs-client`, [`nfs://127.0.0.1/export?nfsport=${port}&version=4`], {
      input: `${commands.join('\n')}\n`,
      timeout: limit(60_000),
    }).split('\n');
  return { ask, stop };
}

await mountTest(
  t,
  'nfs-ganesha exports a mount with handles=keep',
  {
    root: true,
    needs: ['ganesha.nfsd', 'nfs-ls', 'gcc'],
    options: 'handles=keep',
    timeout: limit(300_000),
    prepare: ({ upper, lower: [lower] }) => {
      mkdirSync(`${lower}/d/e`, { recursive: true });
      mkdirSync(`${lower}/many`);
      writeFileSync(`${lower}/d/e/low`, 'low');
      writeFileSync(`${lower}/d/one`, 'linked');
      linkSync(`${lower}/d/one`, `${lower}/d/two`);
      for (let i = 0; i < 200; i++) writeFileSync(`${lower}/many/${i}`, `${i}`);
      writeFileSync(`${upper}/up`, 'up');
    },
  },
  async (t, m) => {
    must('gcc', ['-O1', '-o', `${m.dir}/nfs-client`, clientSource, '-l:libnfs.so.13']);
    const first = await serve(t, m);
    t.same(first.ask('read /up', 'read /d/e/low', 'write /d/e/low LOW', 'read /d/e/low', 'stat /nothing'), [
      'up',
      'low',
      'ok',
      'LOW',
      'ENOENT',
    ]);
    t.equal(whereIs(m, 'd/e/low'), 'upper', 'written, and so copied up');
    t.same(
      first.ask('stat /d/one', 'write /d/two LINKED', 'read /d/one', 'stat /d/one'),
      ['644 2 6', 'ok', 'LINKED', '644 2 6'],
      'a file with two names stays one',
    );
    t.same(
      first.ask(
        'rename /d/e /e',
        'read /e/low',
        'rename /up /e/up',
        'read /e/up',
        'read /up',
        'truncate /e/up 1',
        'stat /e/up',
      ),
      ['ok', 'LOW', 'ok', 'up', 'ENOENT', 'ok', '644 1 1'],
    );
    t.same(
      first.ask(
        'mkdir /n',
        'create /n/x new',
        'read /n/x',
        'link /n/x /n/y',
        'stat /n/y',
        'unlink /n/x',
        'read /n/y',
        'unlink /n/y',
        'rmdir /n',
        'stat /n',
      ),
      ['ok', 'ok', 'new', 'ok', '600 2 3', 'ok', 'new', 'ok', 'ok', 'ENOENT'],
    );
    const forgotten = [
      'open /many/7',
      'drop-caches',
      'kept',
      'read /many/8',
      'write /many/9 nine',
      'read /many/9',
      'stat /e/low',
    ];
    t.same(
      first.ask(...forgotten),
      ['ok', 'ok', '7', '8', 'ok', 'nine', '644 1 3'],
      'the kernel has forgotten all',
    );
    assertHealthy(t, m);
    await first.stop();
    await m.remount();
    const second = await serve(t, m);
    t.same(
      second.ask('read /e/low', 'read /many/9', 'write /many/10 ten', 'read /many/10'),
      ['LOW', 'nine', 'ok', 'ten'],
      'a new mount and a new server',
    );
    await second.stop();
  },
);
