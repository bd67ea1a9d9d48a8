// What is not a plain file: symlinks, FIFOs, sockets, device nodes, hard links.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import t from 'tap';
import { cleanEnv, describe, isRoot, mountTest, outcome, sh, treeDigest, whereIs } from './support.ts';

await mountTest(
  t,
  'symlinks',
  {
    prepare: ({ lower: [a = ''] }) =>
      void sh(
        'echo t >target; mkdir d; echo in >d/in; ln -s target rel; ln -s d dir; ln -s nowhere gone; ln -s "$1" long; ln -s /proc/self/exe abs',
        {
          cwd: a,
          args: ['x/'.repeat(2000)],
        },
      ),
  },
  (t, m) => {
    t.equal(readlinkSync(`${m.mnt}/long`), 'x/'.repeat(2000));
    t.equal(readFileSync(`${m.mnt}/rel`, 'utf8'), 't\n');
    t.equal(readFileSync(`${m.mnt}/dir/in`, 'utf8'), 'in\n');
    t.equal(
      outcome(() => statSync(`${m.mnt}/gone`)),
      'ENOENT',
    );
    t.equal(readlinkSync(`${m.mnt}/abs`), '/proc/self/exe');
    lutimesSync(`${m.mnt}/gone`, 1, 2);
    t.equal(lstatSync(`${m.lower[0]}/gone`).mtimeMs, 2000, 'times of the link itself, in place');
    writeFileSync(`${m.mnt}/rel`, 'new');
    t.equal(whereIs(m, 'rel'), 'lower', 'the link stays');
    t.equal(whereIs(m, 'target'), 'upper', 'what is written through it moves');
    renameSync(`${m.mnt}/rel`, `${m.mnt}/d/rel`);
    t.equal(readlinkSync(`${m.mnt}/d/rel`), 'target');
    symlinkSync('made', `${m.mnt}/made`);
    t.equal(readlinkSync(`${m.upper}/made`), 'made');
    unlinkSync(`${m.mnt}/abs`);
    t.equal(whereIs(m, 'abs'), '');
    t.equal(
      outcome(() => symlinkSync('x', `${m.mnt}/gone`)),
      'EEXIST',
    );
  },
);

await mountTest(
  t,
  'FIFOs and sockets',
  { prepare: ({ lower: [a = ''] }) => void sh('mkfifo old', { cwd: a }) },
  async (t, m) => {
    sh('mkfifo -m 640 made', { cwd: m.mnt });
    t.match(describe(`${m.upper}/made`), { type: 'fifo', mode: '640' });
    for (const name of ['old', 'made']) {
      const reader = spawn('cat', [name], {
        cwd: m.mnt,
        env: cleanEnv(),
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const exited = once(reader, 'close');
      let got = '';
      reader.stdout.on('data', (data) => {
        got += data;
      });
      sh('echo through >"$1"', { cwd: m.mnt, args: [name], timeout: 10_000 });
      await exited;
      t.equal(got, 'through\n', name);
    }
    t.equal(whereIs(m, 'old'), 'lower', 'using a FIFO is not writing to it');
    const server = createServer((socket) => socket.end('hello')).listen(`${m.mnt}/socket`);
    await once(server, 'listening');
    t.equal(describe(`${m.upper}/socket`).type, 'socket');
    const socket = connect(`${m.mnt}/socket`);
    const [hello] = await once(socket, 'data');
    t.equal(`${hello}`, 'hello');
    socket.destroy();
    server.close();
    await once(server, 'close');
    renameSync(`${m.mnt}/old`, `${m.mnt}/new`);
    t.equal(describe(`${m.mnt}/new`).type, 'fifo');
    unlinkSync(`${m.mnt}/new`);
    t.equal(whereIs(m, 'new'), '');
  },
);

await mountTest(
  t,
  'device nodes',
  {
    root: true,
    prepare: ({ lower: [a = ''] }) => void sh('mknod null c 1 3; mknod -m 600 block b 7 200', { cwd: a }),
  },
  (t, m) => {
    sh('mknod -m 604 zero c 1 5; echo x >null; head -c 4 zero | cmp - <(head -c 4 /dev/zero)', {
      cwd: m.mnt,
    });
    t.same(describe(`${m.upper}/zero`), describe(`${m.mnt}/zero`));
    t.match(describe(`${m.mnt}/zero`), {
      type: 'char',
      mode: '604',
      device: statSync('/dev/zero', { bigint: true }).rdev,
    });
    t.match(describe(`${m.mnt}/block`), { type: 'block', mode: '600' });
    mkdirSync(`${m.mnt}/d`);
    renameSync(`${m.mnt}/null`, `${m.mnt}/d/null`);
    sh('echo x >d/null; rm d/null block', { cwd: m.mnt });
    t.equal(whereIs(m, 'd/null'), '');
  },
);

await mountTest(
  t,
  'what cannot be opened for writing comes up with a change of metadata, where asked for',
  {
    options: 'metadata=copyup',
    prepare: ({ lower: [a = ''] }) =>
      void sh(
        `ln -s target link; mkfifo fifo; echo x >file; ${isRoot ? 'mknod null c 1 3' : ''}
         python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")' 2>/dev/null || mkfifo socket
         touch -h -d '2003-03-03 03:03:03.333333333 UTC' *`,
        { cwd: a },
      ),
  },
  (t, m) => {
    const before = treeDigest(m.lower[0] as string);
    for (const name of Object.keys(before)) {
      if (name === '.') continue;
      sh('chown -h "$2" "$1"', { cwd: m.mnt, args: [name, before[name]?.owner ?? ''] });
      t.equal(whereIs(m, name), 'upper', name);
      t.same(describe(`${m.upper}/${name}`), before[name], name);
    }
  },
);

await mountTest(
  t,
  'hard links made through the mount are one file',
  {
    prepare: ({ upper, lower: [a = ''] }) => {
      writeFileSync(`${upper}/u`, 'u');
      sh('echo -n l >l; mkdir d', { cwd: a });
    },
  },
  (t, m) => {
    for (const name of ['u', 'l']) {
      linkSync(`${m.mnt}/${name}`, `${m.mnt}/d/${name}2`);
      linkSync(`${m.mnt}/d/${name}2`, `${m.mnt}/${name}3`);
      const names = [name, `d/${name}2`, `${name}3`].map((each) => `${m.mnt}/${each}`);
      const inodes = new Set(names.map((each) => statSync(each).ino));
      t.equal(inodes.size, 1, `${name}: one number`);
      t.ok(
        names.every((each) => statSync(each).nlink === 3),
        `${name}: three links`,
      );
    }
    writeFileSync(`${m.mnt}/d/u2`, 'written');
    t.equal(readFileSync(`${m.mnt}/u`, 'utf8'), 'written');
    t.equal(readFileSync(`${m.mnt}/u3`, 'utf8'), 'written');
    t.equal(readFileSync(`${m.upper}/u`, 'utf8'), 'written');
    unlinkSync(`${m.mnt}/u`);
    t.equal(statSync(`${m.mnt}/u3`).nlink, 2);
    t.equal(
      outcome(() => linkSync(`${m.mnt}/u3`, `${m.mnt}/l`)),
      'EEXIST',
    );
    t.equal(
      outcome(() => linkSync(`${m.mnt}/d`, `${m.mnt}/dd`)),
      'EPERM',
      'not of directories',
    );
    renameSync(`${m.mnt}/u3`, `${m.mnt}/d/u2`);
    t.equal(statSync(`${m.mnt}/u3`).nlink, 2, 'rename(2) onto a link of itself does nothing');
  },
);
