// A GlusterFS volume for a test: one brick, served over a socket in the test's own directory, and clients, each with its own caches as on a
// host of its own. The processes are those of a real volume and have the translators that `gluster volume create` gives them, but their
// volume files are ours, so no glusterd runs and nothing on the machine changes: no port, no host name, nothing in /var/lib.

import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { mountAt } from '../../src/sys/mountinfo.ts';
import { isAlive } from './processes.ts';
import { cleanEnv, must } from './tools.ts';

/** More than one would have the client distribute files over them, where a link is no exclusive step between clients (docs/gluster.md). */
const ONE = ['brick'];

/**
 * Each client asks the bricks anew, for names, attributes and data, as hosts that share a tree with `cache=none` need; for that there is no
 * md-cache (performance.stat-prefetch) and no quick-read in the volume either, and no open-behind: with it an open file goes when another client
 * removes its name. What two clients write to one file under a lock is lost by half if their kernels keep pages of it.
 */
const UNCACHED = [
  '--attribute-timeout=0',
  '--entry-timeout=0',
  '--negative-timeout=0',
  '--direct-io-mode=enable',
];

/** A translator of a volume file, on top of others. */
function translator(name: string, type: string, options: Record<string, string>, below: string[]): string {
  const lines = Object.entries(options).map(([option, value]) => `  option ${option} ${value}\n`);
  const subvolumes = below.length > 0 ? `  subvolumes ${below.join(' ')}\n` : '';
  return `volume ${name}\n  type ${type}\n${lines.join('')}${subvolumes}end-volume\n`;
}

/** Translators on top of one another: each is named as its type. */
function stack(prefix: string, types: string[], bottom: string): { text: string; top: string } {
  let top = bottom;
  const parts = types.map((type) => {
    const name = `${prefix}-${type.split('/')[1]}`;
    const text = translator(name, type, {}, [top]);
    top = name;
    return text;
  });
  return { text: parts.join(''), top };
}

function socketOptions(end: 'listen' | 'connect', socket: string): Record<string, string> {
  return {
    'transport-type': 'socket',
    'transport.address-family': 'unix',
    [`transport.socket.${end}-path`]: socket,
  };
}

function serverFile(
  names: string[],
  bricks: string,
  volume: string,
  socket: string,
  squash: boolean,
): string {
  const types = ['features/access-control', 'features/locks', 'features/upcall', 'performance/io-threads'];
  const each = names.map((brick) => {
    const directory = `${bricks}/${brick}`;
    const posix = translator(`${brick}-posix`, 'storage/posix', { directory, 'volume-id': volume }, []);
    const { text, top } = stack(brick, types, `${brick}-posix`);
    return posix + text + translator(brick, 'debug/io-stats', {}, [top]);
  });
  const allowed = Object.fromEntries(names.map((brick) => [`auth.addr.${brick}.allow`, '*']));
  const options = {
    ...socketOptions('listen', socket),
    ...allowed,
    ...(squash ? squashOptions(names) : {}),
  };
  return each.join('') + translator('server', 'protocol/server', options, names);
}

function clientFile(names: string[], socket: string, login: Record<string, string> = {}): string {
  const connections = names.map((brick) =>
    translator(
      `to-${brick}`,
      'protocol/client',
      {
        ...socketOptions('connect', socket),
        'remote-host': 'localhost',
        'remote-subvolume': brick,
        ...login,
      },
      [],
    ),
  );
  const below = names.map((brick) => `to-${brick}`);
  const distribute = translator('distribute', 'cluster/distribute', {}, below);
  const utime = translator('utime', 'features/utime', { noatime: 'on' }, ['distribute']);
  const types = ['write-behind', 'io-threads'];
  const { text, top } = stack(
    'client',
    types.map((type) => `performance/${type}`),
    'utime',
  );
  return connections.join('') + distribute + utime + text + translator('shown', 'debug/io-stats', {}, [top]);
}

/** Who root is on a volume that squashes him. */
const SQUASHED = '65534';

/** A client that knows these is trusted: it may ask for its root not to be squashed. */
const ADMINISTRATOR = { username: 'administrator', password: 'secret' };

function squashOptions(names: string[]): Record<string, string> {
  const { username, password } = ADMINISTRATOR;
  const logins = Object.fromEntries(names.map((brick) => [`auth.login.${brick}.allow`, username]));
  const anonymous = { 'root-squash': 'on', anonuid: SQUASHED, anongid: SQUASHED };
  return { ...anonymous, ...logins, [`auth.login.${username}.password`]: password };
}

/** Waits, with all else in this process, since tests lay out their layers step by step. */
function waitUntil(what: string, check: () => boolean): void {
  for (const end = Date.now() + 20_000; !check(); ) {
    if (Date.now() > end) throw new Error(`${what}: not within 20 s`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
  }
}

export class Volume {
  /** For volume files, sockets and logs. */
  readonly #dir: string;
  readonly #pids: string;
  readonly #server: number;
  #clients = 0;

  /**
   * @param dir its own, which is made. @param bricks a directory on a file system with `trusted` xattrs. @param pids the guard's file.
   * @param squash whether root is somebody else there (`server.root-squash`), but for who mounts it as its administrator
   */
  constructor(dir: string, bricks: string, pids: string, { names = ONE, squash = false } = {}) {
    this.#dir = dir;
    this.#pids = pids;
    mkdirSync(dir);
    const id = randomUUID();
    for (const brick of names) {
      mkdirSync(`${bricks}/${brick}`);
      const value = `0x${id.replaceAll('-', '')}`;
      must('setfattr', ['-n', 'trusted.glusterfs.volume-id', '-v', value, `${bricks}/${brick}`]);
    }
    const socket = `${dir}/socket`;
    writeFileSync(`${dir}/server.vol`, serverFile(names, bricks, id, socket, squash));
    writeFileSync(`${dir}/client.vol`, clientFile(names, socket));
    writeFileSync(`${dir}/administrator.vol`, clientFile(names, socket, ADMINISTRATOR));
    this.#server = this.#start('glusterfsd', 'server', []);
    waitUntil('bricks', () => this.#isUp(this.#server, 'server') && existsSync(socket));
  }

  /** Mounts it, as one more host does, on a directory that is there. @param administrator whose root is never squashed */
  mount(point: string, administrator = false): void {
    const name = `${administrator ? 'administrator' : 'client'}${++this.#clients}`;
    const words = administrator ? ['--no-root-squash'] : [];
    const pid = this.#start('glusterfs', name, ['--acl', ...words, ...UNCACHED, point]);
    waitUntil('volume mounted', () => this.#isUp(pid, name) && mountAt(point) !== undefined);
    must('stat', [point], { timeout: 20_000 });
  }

  #isUp(pid: number, name: string): boolean {
    if (isAlive(pid)) return true;
    throw new Error(`${name} has ended:\n${must('tail', [`${this.#dir}/${name}.log`])}`);
  }

  #start(command: string, name: string, args: string[]): number {
    const file = `${this.#dir}/${name.replace(/\d+$/, '')}.vol`;
    const words = ['--no-daemon', '-f', file, '-l', `${this.#dir}/${name}.log`, ...args];
    const child = spawn(command, words, { stdio: 'ignore', cwd: '/', env: cleanEnv() });
    child.unref();
    appendFileSync(this.#pids, `${child.pid}\n`);
    return child.pid as number;
  }

  /** Ends the bricks, when all mounts are gone. */
  end(): void {
    if (isAlive(this.#server)) process.kill(this.#server, 'SIGTERM');
    waitUntil('end of the bricks', () => !isAlive(this.#server));
  }
}
