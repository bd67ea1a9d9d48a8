// A user who owns a directory in each layer swaps what lies there, on the layers themselves, while a worker that does something in it is stopped
// between two steps: the source or its directory, the name or the directory on the new storage, for a way to what is root's. Whoever the
// worker works for, what is root's stays as it is and is shown to nobody, and what was the user's is still somewhere.

import { spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  type Stats,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import type { Test } from 'tap';
import { errnoName } from '../../protocol/errno.ts';
import type { FaultPoint } from '../../src/layers/faultpoint.ts';
import { NOBODY } from './defects-support.ts';
import { list } from './hosts.ts';
import { cleanEnv, describe, type Mounted, mountTest, shAs, treeDigest, type User } from './support.ts';

const ROOT: User = { uid: 0, gid: 0 };
const SECRET = 'SECRET';

/** In each layer, where a case is played: the user's directory, with `d` in it and what is worked on in that. */
interface Stage {
  readonly lower: string;
  readonly upper: string;
  readonly name: string;
}

/** Root's directory in a layer, which has the same names. */
const rootsOf = (stage: string) => `${stage.slice(0, stage.lastIndexOf('/u/'))}/r`;

/** What has the path is `kept`, if anything has it, and something else takes it. */
function swap(dir: string, name: string, put: (path: string) => void): void {
  const path = `${dir}/${name}`;
  mkdirSync(dir, { recursive: true });
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) renameSync(path, `${dir}/kept`);
  put(path);
}

const forSymlink = (stage: string, dir: string, name: string) =>
  swap(`${stage}${dir}`, name, (path) => symlinkSync(`${rootsOf(stage)}${dir}/${name}`, path));

// He could not make a link to what he may not write (fs.protected_hardlinks), but may rename one that he has.
const forHardLink = (stage: string, name: string) =>
  swap(`${stage}/d`, name, (path) => renameSync(`${stage}/secret`, path));

const SWAPS: Record<string, (stage: Stage) => void> = {
  'source-symlink': ({ lower, name }) => forSymlink(lower, '/d', name),
  'source-hardlink': ({ lower, name }) => forHardLink(lower, name),
  'source-directory': ({ lower }) => forSymlink(lower, '', 'd'),
  // In which nothing has the name yet.
  'new-directory': ({ upper }) => swap(upper, 'd', (path) => symlinkSync(`${rootsOf(upper)}/bare`, path)),
  'new-symlink': ({ upper, name }) => forSymlink(upper, '/d', name),
  'new-hardlink': ({ upper, name }) => forHardLink(upper, name),
};

export interface Act {
  readonly points: readonly FaultPoint[];
  /** Of perl, in `d`; it never follows a symlink by itself, and root's writes nothing that could be his own doing. */
  readonly script: string;
  readonly name: string;
  /** What there is of it above; without, the new storage has not even the directory. */
  readonly above?: 'directory' | 'object';
  /** Whose content must be somewhere afterwards: what each layer had. */
  readonly stays: readonly ('upper' | 'lower')[];
  /** One more name in `d`, where the layer has what is worked on: of the same file, or of another object of its kind. */
  readonly more?: 'link' | 'other';
  /** Who does it; default: the user himself, and root. Root is not asked to do by name what he would do to what is his by that name. */
  readonly users?: readonly User[];
}

export const OPEN = 'sysopen(my $file, "f", O_RDWR | O_NOFOLLOW)';

/** Such as any file system answers to who is not alone there. */
const ERRNOS = 'ok EACCES EBUSY EEXIST EISDIR ELOOP ENOENT ENOTDIR ENOTEMPTY EPERM ESTALE EXDEV'.split(' ');

const own = (path: string) => chownSync(path, NOBODY.uid, NOBODY.gid);

function put(path: string, content: string, mode?: number): void {
  writeFileSync(path, content, { mode });
  if (mode === undefined) own(path);
}

/** A directory of the user's, with its parents below the layer. */
function makeOwn(path: string): void {
  if (existsSync(path)) return;
  mkdirSync(path);
  own(path);
}

/** @param id of the case, of which the files tell in which layer they began. */
function lay(m: Mounted, id: string, { above, name, more }: Act): Stage {
  const stage = { lower: `${m.lower[0]}/u/${id}`, upper: `${m.upper}/u/${id}`, name };
  for (const layer of ['lower', 'upper'] as const) {
    const path = stage[layer];
    makeOwn(path);
    put(`${rootsOf(path)}/linked/${id}`, SECRET, 0o600);
    linkSync(`${rootsOf(path)}/linked/${id}`, `${path}/secret`);
    if (layer === 'upper' && above === undefined) continue;
    makeOwn(`${path}/d`);
    if (layer === 'upper' && above === 'directory') continue;
    if (name === 'sub') makeOwn(`${path}/d/sub`);
    put(name === 'sub' ? `${path}/d/sub/in-${layer}` : `${path}/d/f`, `${layer} ${id}`);
    if (more === 'link') linkSync(`${path}/d/f`, `${path}/d/more`);
    if (more === 'other' && name === 'sub') makeOwn(`${path}/d/more`);
    if (more === 'other') put(name === 'sub' ? `${path}/d/more/f` : `${path}/d/more`, `more ${layer} ${id}`);
  }
  return stage;
}

/** In a process of the user's own, since the worker is going to be stopped. @returns 'ok' or the name of the errno */
function start({ uid, gid }: User, dir: string, script: string): Promise<string> {
  const perl = `use Fcntl qw(:DEFAULT :mode); chdir($ARGV[0]) or die; print((${script}) ? 0 : 0 + $!)`;
  const who = ['--reuid', `${uid}`, '--regid', `${gid}`, '--clear-groups', '--', 'perl', '-e', perl, dir];
  const child = spawn('setpriv', who, { cwd: '/', stdio: ['ignore', 'pipe', 'inherit'], env: cleanEnv() });
  let said = '';
  child.stdout.on('data', (data) => {
    said += data;
  });
  return new Promise((done) => {
    child.once('close', (status) =>
      done(status !== 0 ? `status ${status}` : said === '0' ? 'ok' : errnoName(Number(said))),
    );
  });
}

function asNobody(work: () => void): void {
  process.setegid?.(NOBODY.gid);
  process.seteuid?.(NOBODY.uid);
  try {
    work();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
  }
}

interface Found {
  readonly content: string;
  /** Of the inode, and who owns it. */
  readonly object: string;
}

function found(path: string, { dev, ino, uid }: Stats): Found {
  return { content: readFileSync(path, 'utf8'), object: `${dev}:${ino} of ${uid}` };
}

/** All files at or below these paths; no symlink is followed. */
function filesIn(paths: readonly string[]): Found[] {
  return paths.flatMap((path) => {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat?.isDirectory()) return filesIn(readdirSync(path).map((name) => `${path}/${name}`));
    return stat?.isFile() ? [found(path, stat)] : [];
  });
}

const layersOf = ({ upper, lower: [lower = ''] }: Mounted) => [upper, lower];

/** What is root's, but for the files that the user has links to, of which the case has one in each layer. */
const roots = (m: Mounted, id: string) =>
  layersOf(m).map((layer) => {
    const { links: _, ...linked } = describe(`${layer}/r/linked/${id}`);
    const trees = ['d', 'bare'].map((name) => treeDigest(`${layer}/r/${name}`, { directoryTimes: true }));
    return [...trees, linked];
  });

async function play(
  t: Test,
  m: Mounted,
  id: string,
  act: Act,
  point: FaultPoint,
  swapped: string,
  user: User,
): Promise<void> {
  const stage = lay(m, id, act);
  const dirs = [stage.lower, stage.upper];
  const before = roots(m, id);
  const linked = filesIn(layersOf(m).map((layer) => `${layer}/r/linked/${id}`)).map(({ object }) => object);
  const stopped = m.faults.pause(point);
  const ended = start(user, `${m.mnt}/u/${id}/d`, act.script);
  const there = await Promise.race([stopped(), ended]);
  if (typeof there === 'string') throw new Error(`${id}: ${there} before it came to ${point}`);
  asNobody(() => SWAPS[swapped]?.(stage));
  const kept = filesIn(dirs.map((dir) => `${dir}/d/kept`)).map(({ content }) => content);
  there.go();
  const result = await ended;
  t.ok(ERRNOS.includes(result), `${id}: ${result}`);
  t.same(roots(m, id), before, `${id}: what is root’s is as it was`);
  const files = filesIn([...dirs, ...layersOf(m).map((layer) => `${layer}/.migratefs/aside`)]);
  const stays = [...act.stays.map((layer) => `${layer} ${id}`), ...kept];
  const lost = stays.filter((content) => !files.some((file) => file.content === content));
  t.same(lost, [], `${id}: nothing of his is lost`);
  // Root may bring up what is root's, and did if he came to it by the name; it is root's still.
  const strays = files.filter(({ content, object }) => content.includes(SECRET) && !linked.includes(object));
  const others = strays.filter(({ object }) => user !== ROOT || !object.endsWith(' of 0'));
  t.same(others, [], `${id}: nothing of root’s has come in`);
}

/** A mount on which acts are stopped at each of their points, for each swap. */
export function swapsTest(
  t: Test,
  name: string,
  acts: Readonly<Record<string, Act>>,
  options = 'cache=none',
): Promise<unknown> {
  const needs = ['setpriv', 'perl', 'setfattr'];
  const all = {
    root: true,
    faults: true,
    backing: 'tmpfs',
    options,
    needs,
    timeout: 400_000,
    prepare,
  } as const;
  return mountTest(t, name, all, async (t, m) => {
    for (const [what, act] of Object.entries(acts))
      for (const point of act.points)
        for (const swapped of Object.keys(SWAPS))
          for (const user of act.users ?? [NOBODY, ROOT])
            await play(t, m, `${what}-${point}-${swapped}-${user.uid}`, act, point, swapped, user);
    const seen = shAs(NOBODY, 'grep -rlsF "$@" || true', { args: [SECRET, m.mnt, ...layersOf(m)] });
    t.equal(seen.stdout, '', 'he can read nothing of root’s');
    t.notMatch(m.log(), / level=error /, 'nothing wrong in the log');
    await m.unmount();
    for (const layer of layersOf(m))
      for (const folder of ['work', 'slots', 'intents'])
        t.same(list(`${layer}/.migratefs/${folder}`), [], `nothing unfinished in ${folder}`);
  });
}

function prepare({ upper, lower: [lower = ''] }: { upper: string; lower: string[] }): void {
  for (const layer of [upper, lower]) {
    chmodSync(layer, 0o755);
    for (const dir of ['r', 'r/d', 'r/d/sub', 'r/bare', 'r/linked', 'u']) mkdirSync(`${layer}/${dir}`);
    own(`${layer}/u`);
    for (const file of ['f', 'more', 'sub/in-lower', 'sub/in-upper', `sub/${SECRET}`, SECRET])
      put(`${layer}/r/d/${file}`, SECRET, 0o600);
    put(`${layer}/r/bare/${SECRET}`, SECRET, 0o600);
  }
}
