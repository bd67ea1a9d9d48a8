// What mounted tests run and look at: commands, also as another user, ACLs, and digests of trees.

import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import { errnoName } from '../../protocol/errno.ts';
import { AT_FDCWD, O_CLOEXEC, O_NOFOLLOW, O_PATH, O_RDWR, O_TMPFILE } from '../../src/sys/constants.ts';
import type { CString } from '../../src/sys/cstring.ts';
import { close, openat } from '../../src/sys/fd.ts';
import { procPath } from '../../src/sys/path.ts';
import { getxattr, listxattr } from '../../src/sys/xattr.ts';

export const isRoot = process.geteuid?.() === 0;

export interface RunOptions {
  cwd?: string;
  input?: string | Buffer;
  env?: Record<string, string>;
  /** Milliseconds, then SIGKILL. */
  timeout?: number;
}

/** The environment of what tests start: nothing of the test runner's, one language, no git configuration but the tests' own. */
export function cleanEnv(more: Record<string, string> = {}): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (!/^(?:NODE_|TAP|_TAP|GIT_|npm_(?!config_)|MIGRATEFS_DAEMON)/.test(name)) env[name] = value;
  }
  const path = `${env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`;
  const git = { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0' };
  return { ...env, PATH: path, LC_ALL: 'C', ...git, ...more };
}

/** Runs a command to its end; never throws. */
export function run(command: string, args: string[], options: RunOptions = {}): SpawnSyncReturns<Buffer> {
  return spawnSync(command, args, {
    cwd: options.cwd ?? '/',
    env: cleanEnv(options.env),
    timeout: options.timeout ?? 120_000,
    killSignal: 'SIGKILL',
    maxBuffer: 1 << 28,
    ...(options.input === undefined ? { stdio: ['ignore', 'pipe', 'pipe'] } : { input: options.input }),
  });
}

/** Runs a command that must succeed. @returns its standard output, less the last newline @throws with its standard error */
export function must(command: string, args: string[], options: RunOptions = {}): string {
  const done = run(command, args, options);
  if (done.status === 0) return done.stdout.toString('utf8').replace(/\n$/, '');
  const why = done.error?.message ?? `status ${done.status ?? done.signal}`;
  throw new Error(
    `${[command, ...args].join(' ').slice(0, 400)}: ${why}\n${tail(done.stdout)}${tail(done.stderr)}`,
  );
}

const tail = (output: Buffer | null): string =>
  (output?.toString('latin1') ?? '').slice(-1500).replace(/[^\n\x20-\x7e]/g, '?');

/** Runs a bash script, stopping at the first failure; `args` are $1…. @throws with its standard error */
export function sh(script: string, options: RunOptions & { args?: string[] } = {}): string {
  return must('bash', ['-euo', 'pipefail', '-c', script, 'bash', ...(options.args ?? [])], options);
}

/** Who runs a command: root alone can become somebody else. */
export interface User {
  uid: number;
  gid: number;
  groups?: number[];
}

/** Runs a bash script as another user. @returns status and output; never throws */
export function shAs(user: User, script: string, options: RunOptions & { args?: string[] } = {}) {
  const groups = user.groups?.length ? ['--groups', user.groups.join(',')] : ['--clear-groups'];
  const who = ['--reuid', `${user.uid}`, '--regid', `${user.gid}`, ...groups];
  const bash = ['bash', '-euo', 'pipefail', '-c', script, 'bash', ...(options.args ?? [])];
  const { status, stdout, stderr, error } = run('setpriv', [...who, '--', ...bash], options);
  return {
    status,
    stdout: stdout?.toString().replace(/\n$/, ''),
    stderr: `${stderr}${error ? error.message : ''}`,
  };
}

/** Whether a program is there. */
export const has = (program: string): boolean =>
  run('bash', ['-c', 'command -v "$1"', 'bash', program]).status === 0;

/** A file's ACL as `getfacl -cpn` prints it, one line. */
export const getfacl = (file: string): string =>
  must('getfacl', ['-cpn', '--', file]).trim().split('\n').join(' ');

type Path = string | Buffer;

/** `dir/name` in bytes. */
export function join(dir: Path, name: Path): Buffer {
  return Buffer.concat([Buffer.from(dir), Buffer.from('/'), Buffer.from(name)]);
}

/** A name as tests show it: bytes that are not printable ASCII, and the backslash, as \xNN. */
export const printable = (name: Buffer): string =>
  name.toString('latin1').replace(/[^\x21-\x5b\x5d-\x7e]/g, (c) => {
    return `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });

const list = new Uint8Array(65536);
const value = new Uint8Array(65536);

/** All xattrs of the object itself (a symlink's too): name → value in hex. @throws for an errno that is not "none here" */
export function xattrsOf(path: Path): Record<string, string> {
  const name: CString = Buffer.concat([Buffer.from(path), Buffer.of(0)]);
  const fd = openat(AT_FDCWD, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) throw new Error(`open ${path}: ${fd}`);
  const result: Record<string, string> = {};
  const length = listxattr(procPath(fd), list, list.length);
  const names =
    length > 0
      ? Buffer.from(list.subarray(0, length - 1))
          .toString('latin1')
          .split('\0')
      : [];
  for (const each of names.sort()) {
    if (each.startsWith('trusted.SGI_ACL_')) continue; // xfs shows its ACLs under these names too
    const size = getxattr(procPath(fd), Buffer.from(`${each}\0`, 'latin1'), value, value.length);
    result[each] = size < 0 ? `errno ${-size}` : Buffer.from(value.subarray(0, size)).toString('hex');
  }
  close(fd);
  const ENOTSUP = -95;
  if (length < 0 && length !== ENOTSUP) throw new Error(`listxattr ${path}: ${length}`);
  return result;
}

/** A file's content, hashed piece by piece. */
export function hashOf(path: Path): string {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(1 << 20);
  const fd = openSync(path, 'r');
  try {
    for (let got = -1; got !== 0; ) {
      got = readSync(fd, buffer, 0, buffer.length, null);
      hash.update(buffer.subarray(0, got));
    }
  } finally {
    closeSync(fd);
  }
  return hash.digest('hex').slice(0, 16);
}

export interface Described {
  type: string;
  mode: string;
  owner: string;
  size: bigint | undefined;
  mtime: bigint | undefined;
  links: bigint | undefined;
  device: bigint | undefined;
  target: string | undefined;
  content: string | undefined;
  xattrs: Record<string, string> | undefined;
}

export interface DigestOptions {
  /** Leave out what tests that move things change by moving: directories' times, which are left out unless asked for. */
  directoryTimes?: boolean;
  /** Default: all of these. */
  times?: boolean;
  content?: boolean;
  xattrs?: boolean;
}

const TYPES: Record<number, string> = {
  1: 'fifo',
  2: 'char',
  4: 'dir',
  6: 'block',
  8: 'file',
  10: 'link',
  12: 'socket',
};

/** What one object is, in full. */
export function describe(path: Path, options: DigestOptions = {}): Described {
  const { times = true, content = true, xattrs = true, directoryTimes = false } = options;
  const stat = lstatSync(path, { bigint: true });
  const type = TYPES[Number(stat.mode >> 12n)] ?? '?';
  const isDir = type === 'dir';
  return {
    type,
    mode: (stat.mode & 0o7777n).toString(8),
    owner: `${stat.uid}:${stat.gid}`,
    size: isDir ? undefined : stat.size,
    mtime: (isDir ? directoryTimes : times) ? stat.mtimeNs : undefined,
    links: isDir ? undefined : stat.nlink,
    device: type === 'char' || type === 'block' ? stat.rdev : undefined,
    target: type === 'link' ? printable(readlinkSync(path, { encoding: 'buffer' })) : undefined,
    content: type === 'file' && content ? hashOf(path) : undefined,
    xattrs: xattrs ? xattrsOf(path) : undefined,
  };
}

/** Every object below `dir` (itself is '.'), described; our own directory in a layer's root left out. For t.same of two trees. */
export function treeDigest(dir: Path, options: DigestOptions = {}): Record<string, Described> {
  const digest: Record<string, Described> = { '.': describe(dir, options) };
  const walk = (path: Buffer, shown: string) => {
    for (const name of readdirSync(path, { encoding: 'buffer' }).sort(Buffer.compare)) {
      if (shown === '' && name.toString() === '.migratefs') continue;
      const child = join(path, name);
      const key = `${shown}${printable(name)}`;
      digest[key] = describe(child, options);
      if (digest[key].type === 'dir') walk(child, `${key}/`);
    }
  };
  walk(Buffer.from(dir), '');
  return digest;
}

/** Which layers have a name themselves, top first: `upper`, `lower`, `upper lower2`…; empty for none. */
export function whereIs(layers: { upper: string; lower: string[] }, name: Path): string {
  const has = (dir: string) => lstatSync(join(dir, name), { throwIfNoEntry: false }) !== undefined;
  const { upper, lower } = layers;
  const below = lower.flatMap((dir, i) => (has(dir) ? [lower.length > 1 ? `lower${i + 1}` : 'lower'] : []));
  return [...(has(upper) ? ['upper'] : []), ...below].join(' ');
}

/** 'ok' or what an act returns as text, or its errno's name. */
export function outcome(act: () => unknown): string {
  try {
    return String(act() ?? 'ok');
  } catch (error) {
    const { code, errno = 0 } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    return code.startsWith('E') ? code : errnoName(-errno); // node has no name for EDQUOT
  }
}

/** renameat2(2) by its number: perl has no name for it. */
export const RENAMEAT2 = process.arch === 'arm64' ? 276 : 316;

/** A command that exchanges the two names it is given (RENAME_EXCHANGE). */
export const EXCHANGE = `perl -e 'syscall(${RENAMEAT2}, -100, $ARGV[0], -100, $ARGV[1], 2) == 0 or die "exchange: $!\\n"'`;

/** One that renames without replacing (RENAME_NOREPLACE). mv(1) does so too, but goes on without the flag. */
export const RENAME_ANEW = `perl -e 'syscall(${RENAMEAT2}, -100, $ARGV[0], -100, $ARGV[1], 1) == 0 or die "rename: $!\\n"'`;

const LINKAT = process.arch === 'arm64' ? 37 : 265;

/** One that makes a file without a name in a directory (O_TMPFILE), and gives it one. */
export const LINK_NAMELESS = `perl -e 'sysopen(my $f, $ARGV[0], ${O_TMPFILE | O_RDWR}) or die "open: $!\\n"; syscall(${LINKAT}, -100, "/proc/self/fd/" . fileno($f), -100, $ARGV[1], 0x400) == 0 or die "link: $!\\n"'`;
