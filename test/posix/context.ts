// What a case works with: all system calls by their names, and the ways to say what must come of them. Paths are relative to the case's
// directory. A check that fails ends the case.

import { errnoName } from '../../protocol/errno.ts';
import { O_DIRECTORY, O_RDONLY } from '../../src/sys/constants.ts';
import { isRoot } from '../mounted/tools.ts';
import { unmapLeft } from './calls/files.ts';
import { asUser, ROOT, sleep, type User } from './calls/identity.ts';
import { type Calls, calls } from './calls/index.ts';
import type { Facts } from './calls/metadata.ts';
import type { Entry } from './calls/names.ts';
import { bind, type Data, leftOpen, type Path } from './calls/support.ts';
import type { FileSystemName } from './case.ts';
import type { LayoutName } from './layouts.ts';
import { otherProcess } from './other.ts';
import { Probe } from './probe.ts';

export { isRoot, ROOT, type User };

/** Users that own nothing unless a case says so. ALICE and BOB share a group as supplementary one; CAROL is in none of theirs. */
export const SHARED_GROUP = 2100;
export const ALICE: User = { uid: 2001, gid: 2001, groups: [SHARED_GROUP] };
export const BOB: User = { uid: 2002, gid: 2002, groups: [SHARED_GROUP] };
export const CAROL: User = { uid: 2003, gid: 2003 };

export type Answer = number | bigint | string | boolean | undefined;
type TimeName = 'atime' | 'mtime' | 'ctime';

/** A case's check has failed. */
export class Mismatch extends Error {}

export interface Checks {
  /** Where the case runs. Cases should not ask; what depends on the file system is said by `unless`, or asked of `plain`. */
  readonly layout: LayoutName;
  readonly fs: FileSystemName;
  /** The absolute path of something in the case's directory. */
  path: (path?: string) => string;
  /** What a call has answered: an errno's name, 0, a count, a text. Of a list, one of them. */
  is: (actual: Answer, expected: Answer | readonly Answer[], what?: string) => void;
  /** The call has succeeded. @returns its result */
  ok: <T extends Answer | object>(actual: T, what?: string) => Exclude<T, undefined>;
  /** The same as the plain directory on the same file system has given at this place: the layer's own answer. */
  asPlain: (actual: Answer, what?: string) => void;
  /** What stat or lstat (no symlink is followed) tells of something that must be there. */
  facts: (path: Path) => Facts;
  ffacts: (fd: number) => Facts;
  /** A whole file, one character for each byte. */
  text: (path: Path) => string;
  /** Makes or overwrites a file. */
  put: (path: Path, data: Data, mode?: number) => void;
  /** The entries of a directory, read from its start, without the dots, sorted by name. */
  entries: (path: Path) => Entry[];
  /** Their names, with spaces between. */
  names: (path?: Path) => string;
  /** Nothing is there: ENOENT, and no such name in the listing. */
  gone: (path: string) => void;
  /** `act` sets these times of what is at `path` (`moved`: where it is afterwards) to the present, and none of the others. */
  changes: (path: Path, times: readonly TimeName[], act: () => void, moved?: Path) => void;
  /** Runs as another user: real and effective ids and groups. Root only. */
  as: <T>(user: User, act: () => T) => T;
  /** Runs with the real ids of one user and the effective ones and groups of another, as a set-user-id program does. */
  asRealAndEffective: <T>(real: User, effective: User, act: () => T) => T;
  /** Another process, in the same directory, which makes the same calls: `c.other().open('f', O_RDWR)`. One more for each number. */
  other: (number?: number) => Calls;
  /** A call in the other process that may wait: it is begun, and `result` waits for its end; `ended` asks whether it has come. */
  otherBegins: <K extends keyof Calls>(
    name: K,
    args: Parameters<Calls[K]>,
    number?: number,
  ) => { result: () => ReturnType<Calls[K]>; ended: () => boolean };
  /** Ends another process. */
  otherExits: (number?: number) => void;
  /** One more process, in C, for what ends in a signal: faults in mappings, waits that are broken off. The case needs gcc, say it. */
  probe: () => Probe;
  /** Waits until something holds. Not for the kernel's clock: `changes` does that. */
  until: (what: string, check: () => boolean, milliseconds?: number) => void;
}

export type Context = Calls & Checks;

const shown = (value: Answer): string =>
  typeof value === 'number' && value < 0 ? errnoName(value) : String(value);

const c_clock_gettime = bind<(clock: number, time: BigInt64Array) => number>('int clock_gettime(int, void*)');
const CLOCK_REALTIME_COARSE = 5;
const clock = new BigInt64Array(2);

/** What file systems take times from: it stands still for some milliseconds at a time. */
function coarseNow(): bigint {
  c_clock_gettime(CLOCK_REALTIME_COARSE, clock);
  return (clock[0] as bigint) * 1_000_000_000n + (clock[1] as bigint);
}

/** Answers of the plain directory, by case, in the order of asking. */
export type PlainAnswers = Map<string, string[]>;

export interface Setting {
  layout: LayoutName;
  fs: FileSystemName;
  directory: string;
  /** Recorded when the layout is `plain`, compared otherwise. */
  plain: string[];
}

/** The context of one case. */
export function contextFor(setting: Setting): Context {
  const { layout, fs, directory, plain } = setting;
  let asked = 0;
  const fail = (what: string, expected: string, actual: Answer): never => {
    throw new Mismatch(`${what === '' ? '' : `${what}: `}expected ${expected}, got ${shown(actual)}`);
  };
  const ok: Checks['ok'] = (actual, what = '') => {
    if (actual === undefined || (typeof actual === 'number' && actual < 0)) {
      fail(what, 'success', actual as Answer);
    }
    return actual as never;
  };
  const is: Checks['is'] = (actual, expected, what = '') => {
    const all: readonly Answer[] = Array.isArray(expected) ? expected : [expected];
    if (!all.some((each) => shown(each) === shown(actual))) fail(what, all.map(shown).join(' or '), actual);
  };
  const facts = (path: Path) => ok(calls.lstat(path), `lstat ${path}`) as Facts;
  const entries = (path: Path) => {
    const fd = ok(calls.open(path, O_RDONLY | O_DIRECTORY), `open ${path}`);
    const all: Entry[] = [];
    for (;;) {
      const some = ok(calls.getdents(fd), `getdents ${path}`) as Entry[];
      if (some.length === 0) break;
      all.push(...some);
    }
    calls.close(fd);
    const order = (a: Entry, b: Entry) => (a.name < b.name ? -1 : 1);
    return all.filter(({ name }) => name !== '.' && name !== '..').sort(order);
  };
  const names = (path: Path = '.') =>
    entries(path)
      .map(({ name }) => name)
      .join(' ');
  const others = otherProcess;

  const checks: Checks = {
    layout,
    fs,
    path: (path = '') => (path === '' ? directory : `${directory}/${path}`),
    is,
    ok,
    asPlain: (actual, what = '') => {
      if (layout === 'plain') plain.push(shown(actual));
      else {
        const expected = plain[asked++] ?? 'nothing: the plain directory was not asked';
        if (shown(actual) !== expected) fail(what, `${expected}, as the plain directory`, actual);
      }
    },
    facts,
    ffacts: (fd) => ok(calls.fstat(fd), `fstat ${fd}`) as Facts,
    text: (path) => {
      const fd = ok(calls.open(path, O_RDONLY), `open ${path}`);
      let all = '';
      for (;;) {
        const some = ok(calls.read(fd, 1 << 16), `read ${path}`) as string;
        if (some === '') break;
        all += some;
      }
      calls.close(fd);
      return all;
    },
    put: (path, data, mode) => {
      const fd = ok(calls.open(path, 0o1 | 0o100 | 0o1000, mode), `open ${path} for writing`);
      is(calls.write(fd, data), data.length, `write ${path}`);
      is(calls.close(fd), 0, `close ${path}`);
    },
    entries,
    names,
    gone: (path) => {
      is(calls.lstat(path) as Answer, 'ENOENT', `lstat ${path}`);
      const [, parent = '.', name] = /^(?:(.*)\/)?([^/]+)$/.exec(path) ?? [];
      is(
        entries(parent).some((each) => each.name === name),
        false,
        `${path} is listed`,
      );
    },
    changes: (path, times, act, moved = path) => {
      const before = facts(path);
      const latest = [before.atime, before.mtime, before.ctime].reduce((a, b) => (a > b ? a : b));
      while (coarseNow() <= latest) sleep(1);
      const floor = coarseNow();
      act();
      const after = facts(moved);
      for (const name of ['mtime', 'ctime', 'atime'] as const) {
        const wanted = times.includes(name);
        if (wanted && after[name] < floor) {
          fail(
            `${name} of ${moved}`,
            `the present (${floor})`,
            after[name] === before[name] ? 'unchanged' : after[name],
          );
        }
        // A directory's access time depends on mount options; only what is asked for is looked at.
        if (!wanted && name !== 'atime' && after[name] !== before[name]) {
          fail(`${name} of ${moved}`, 'unchanged', after[name]);
        }
      }
    },
    as: (user, act) => asUser(user, act),
    asRealAndEffective: (real, effective, act) => asUser(effective, act, real),
    other: (number = 0) => others(number).calls,
    otherBegins: (name, args, number = 0) => others(number).begin(name, args) as never,
    otherExits: (number = 0) => others(number).exit(),
    probe: () => new Probe(directory),
    until: (what, check, milliseconds = 10_000) => {
      for (const end = performance.now() + milliseconds; !check(); sleep(2)) {
        if (performance.now() > end) throw new Mismatch(`${what}: not within ${milliseconds} ms`);
      }
    },
  };
  return { ...calls, ...checks };
}

/** After a case: nothing stays open or mapped, this process is where and who it was. */
export function tidy(): void {
  calls.chdir('/');
  calls.umask(0o022);
  for (const fd of leftOpen()) calls.close(fd);
  unmapLeft();
}
