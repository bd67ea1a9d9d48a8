// Unix sockets: names on a file system, whose data the kernel moves.

import { O_RDONLY, O_RDWR, O_WRONLY, S_IFSOCK } from '../../../src/sys/constants.ts';
import { cases, dir, fifo, file, socket } from '../case.ts';
import { ALICE, type Context } from '../context.ts';
import type { Probe } from '../probe.ts';

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;

/** Puts a struct sockaddr_un into a probe's scratch memory. @returns its length */
function address(probe: Probe, path: string): number {
  const bytes = Buffer.alloc(110);
  bytes.writeUInt16LE(AF_UNIX, 0);
  bytes.write(path, 2, 'latin1');
  probe.put(0, bytes);
  return 2 + path.length + 1;
}

function bound(c: Context, path: string): { probe: Probe; fd: bigint } {
  const probe = c.probe();
  const fd = probe.must('socket', AF_UNIX, SOCK_STREAM, 0);
  c.is(probe.call('bind', fd, '$0', address(probe, path)), '0');
  return { probe, fd };
}

export default cases('sockets', [
  {
    name: 'ENXIO when it is opened, whoever made it',
    given: { s: socket() },
    run: (c) => {
      for (const flags of [O_RDONLY, O_WRONLY, O_RDWR]) c.is(c.open('s', flags), 'ENXIO');
      c.is(c.mknod('new', S_IFSOCK | 0o600), 0);
      c.is(c.open('new', O_RDONLY), 'ENXIO');
      c.is(c.facts('s').type, 'socket');
    },
  },
  {
    name: 'bound, connected to, written to and read',
    needs: 'gcc',
    run: (c) => {
      const server = bound(c, 's');
      c.is(c.facts('s').type, 'socket');
      c.is(server.probe.call('listen', server.fd, 5), '0');
      const client = c.probe();
      const fd = client.must('socket', AF_UNIX, SOCK_STREAM, 0);
      c.is(client.call('connect', fd, '$0', address(client, 's')), '0');
      const accepted = server.probe.must('accept4', server.fd, 0, 0, 0);
      client.put(200, 'hello');
      c.is(client.call('write', fd, '$200', 5), '5');
      c.is(server.probe.call('read', accepted, '$200', 10), '5');
      c.is(server.probe.get(200, 5).toString(), 'hello');
    },
  },
  {
    name: 'reached by another name after rename and link',
    given: { d: dir() },
    needs: 'gcc',
    run: (c) => {
      const server = bound(c, 's');
      c.is(server.probe.call('listen', server.fd, 5), '0');
      c.is(c.rename('s', 'd/t'), 0);
      c.is(c.link('d/t', 'u'), 0);
      const client = c.probe();
      for (const [path, answer] of [
        ['d/t', '0'],
        ['u', '0'],
        ['s', 'ENOENT'],
      ] as const) {
        const fd = client.must('socket', AF_UNIX, SOCK_STREAM, 0);
        c.is(client.call('connect', fd, '$0', address(client, path)), answer, path);
      }
    },
  },
  {
    name: 'EADDRINUSE, ECONNREFUSED, ENOENT, EPROTOTYPE',
    given: { f: file(), s: socket(), p: fifo() },
    needs: 'gcc',
    run: (c) => {
      const probe = c.probe();
      const fd = probe.must('socket', AF_UNIX, SOCK_STREAM, 0);
      c.is(probe.call('bind', fd, '$0', address(probe, 's')), 'EADDRINUSE');
      c.is(probe.call('bind', fd, '$0', address(probe, 'f')), 'EADDRINUSE');
      c.is(probe.call('bind', fd, '$0', address(probe, 'none/s')), 'ENOENT');
      c.is(probe.call('connect', fd, '$0', address(probe, 's')), 'ECONNREFUSED');
      c.is(probe.call('connect', fd, '$0', address(probe, 'f')), 'ECONNREFUSED');
      c.is(probe.call('connect', fd, '$0', address(probe, 'p')), 'ECONNREFUSED');
      c.is(probe.call('connect', fd, '$0', address(probe, 'none')), 'ENOENT');
      c.is(probe.call('bind', fd, '$0', address(probe, 'new')), '0');
      c.is(probe.call('listen', fd, 1), '0');
      const datagrams = probe.must('socket', AF_UNIX, SOCK_DGRAM, 0);
      c.is(probe.call('connect', datagrams, '$0', address(probe, 'new')), 'EPROTOTYPE');
    },
  },
  {
    name: 'refused after the server has ended, and bound again after unlink',
    needs: 'gcc',
    run: (c) => {
      const server = bound(c, 's');
      c.is(server.probe.call('listen', server.fd, 5), '0');
      server.probe.end();
      const client = c.probe();
      const fd = client.must('socket', AF_UNIX, SOCK_STREAM, 0);
      c.is(client.call('connect', fd, '$0', address(client, 's')), 'ECONNREFUSED');
      c.is(c.unlink('s'), 0);
      const again = bound(c, 's');
      c.is(again.probe.call('listen', again.fd, 5), '0');
      c.is(client.call('connect', fd, '$0', address(client, 's')), '0');
    },
  },
  {
    name: 'EACCES for who may not write to it',
    root: true,
    needs: 'gcc',
    run: (c) => {
      const server = bound(c, 's');
      c.is(server.probe.call('listen', server.fd, 5), '0');
      c.is(c.chmod('s', 0o600), 0);
      c.as(ALICE, () => c.is(c.access('s', 2), 'EACCES'));
      c.is(c.chmod('s', 0o602), 0);
      c.as(ALICE, () => c.is(c.access('s', 2), 0));
    },
  },
]);
