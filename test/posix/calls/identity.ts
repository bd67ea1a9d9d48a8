// Another user on this thread: real, effective and saved-for-return ids by raw system calls, which bind the calling thread alone (glibc's
// change all of a process). The saved user id stays root, so that there is a way back; capabilities go with the effective one.

import { errnoName } from '../../../protocol/errno.ts';
import { setgroups } from '../../../src/sys/credentials.ts';
import { syscallNumber } from '../../../src/sys/libc.ts';
import { bind, outcome } from './support.ts';

const c_setres = bind<(nr: number, real: number, effective: number, saved: number) => number>(
  'int64_t syscall(int64_t, int64_t, int64_t, int64_t)',
);
const c_prctl = bind<(option: number, value: number, a: number, b: number, c: number) => number>(
  'int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)',
);

const SYS_setresuid = syscallNumber(117, 147);
const SYS_setresgid = syscallNumber(119, 149);
const PR_SET_DUMPABLE = 4;
const UNCHANGED = -1;

export interface User {
  readonly uid: number;
  readonly gid: number;
  readonly groups?: readonly number[];
}

export const ROOT: User = { uid: 0, gid: 0 };

function must(result: number, what: string): void {
  if (result < 0) throw new Error(`${what}: ${errnoName(result)}`);
}

function become({ uid, gid, groups = [] }: User, real: User = { uid, gid }): void {
  must(setgroups(Uint32Array.from(groups), groups.length), 'setgroups');
  must(outcome(c_setres(SYS_setresgid, real.gid, gid, UNCHANGED)), 'setresgid');
  must(outcome(c_setres(SYS_setresuid, real.uid, uid, UNCHANGED)), 'setresuid');
  // Whoever changes his ids loses the way to his own /proc/self/fd, which a program started as this user would have.
  must(outcome(c_prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)), 'prctl');
}

/** Runs `act` as another user. Only root can. @param real whose real ids it has, if not the same */
export function asUser<T>(user: User, act: () => T, real?: User): T {
  waitForGroups(user);
  try {
    become(user, real);
    return act();
  } finally {
    must(outcome(c_setres(SYS_setresuid, 0, 0, 0)), 'setresuid back');
    become(ROOT);
    lastUse.set(idsOf(user), { groups: String(user.groups ?? []), at: performance.now() });
  }
}

// The daemon asks for a thread's groups once a second at most: the same ids with other groups are another user only after that.
const GROUPS_LIVE_MS = 1100;
const lastUse = new Map<string, { groups: string; at: number }>();
const idsOf = ({ uid, gid }: User) => `${uid}:${gid}`;

function waitForGroups(user: User): void {
  const last = lastUse.get(idsOf(user));
  if (last === undefined || last.groups === String(user.groups ?? [])) return;
  const left = last.at + GROUPS_LIVE_MS - performance.now();
  if (left > 0) sleep(left);
}

const never = new Int32Array(new SharedArrayBuffer(4));

export function sleep(milliseconds: number): void {
  Atomics.wait(never, 0, 0, milliseconds);
}
