// Who the calling thread is for the file system. Linux keeps credentials for each thread; setfsuid, setfsgid and the raw setgroups change
// those of the calling thread only, while glibc's setuid family changes every thread's and has no place here.
import { EPERM } from '../../protocol/errno.ts';
import { CLONE_FS } from './constants.ts';
import { bind, outcome, syscallNumber, within } from './libc.ts';

const c_setfsuid = bind<(uid: number) => number>('uint32_t setfsuid(uint32_t)');
const c_setfsgid = bind<(gid: number) => number>('uint32_t setfsgid(uint32_t)');
const c_setgroups = bind<(nr: number, count: number, groups: Uint32Array) => number>(
  'int64_t syscall(int64_t, size_t, void*)',
);
const c_getgroups = bind<(size: number, groups: Uint32Array | null) => number>('int getgroups(int, void*)');
const c_capability = bind<(nr: number, header: Uint32Array, sets: Uint32Array) => number>(
  'int64_t syscall(int64_t, void*, void*)',
);
const c_umask = bind<(mode: number) => number>('uint32_t umask(uint32_t)');
const c_unshare = bind<(flags: number) => number>('int unshare(int)');
const c_getuid = bind<() => number>('uint32_t getuid()');
const c_geteuid = bind<() => number>('uint32_t geteuid()');
const c_getgid = bind<() => number>('uint32_t getgid()');
const c_getegid = bind<() => number>('uint32_t getegid()');

const SYS_setgroups = syscallNumber(116, 159);
const SYS_capget = syscallNumber(125, 90);
const SYS_capset = syscallNumber(126, 91);
const NOBODY = 0xffff_ffff; // an id that never is one: the call changes nothing and tells the present one

/** The user that this thread's file system calls act as. setfsuid(2) reports no error, so the change is read back: 0, or -EPERM if
 * it was refused. From root to another user it takes the file capabilities (CAP_DAC_OVERRIDE…) away, back to root it restores them. */
export function setfsuid(uid: number): number {
  c_setfsuid(uid);
  return c_setfsuid(NOBODY) === uid ? 0 : -EPERM;
}

/** The group, as {@link setfsuid} the user. */
export function setfsgid(gid: number): number {
  c_setfsgid(gid);
  return c_setfsgid(NOBODY) === gid ? 0 : -EPERM;
}

/** This thread's supplementary groups: the first `count` of `groups`. -EPERM without CAP_SETGID, -EINVAL above 65,536. */
export function setgroups(groups: Uint32Array, count: number): number {
  within(groups, count * 4);
  return outcome(c_setgroups(SYS_setgroups, count, groups));
}

/** How many supplementary groups this thread has; they are written to `groups`, -EINVAL if they don't fit. Null only counts. */
export function getgroups(groups: Uint32Array | null): number {
  return outcome(c_getgroups(groups === null ? 0 : groups.length, groups));
}

/** Sets the umask, which all threads share unless {@link unshareFs} was called, and returns the previous one. Never fails. */
export function umask(mode: number): number {
  return c_umask(mode);
}

/** Gives the calling thread a umask, working directory and root of its own (CLONE_FS). Needs no privilege. */
export function unshareFs(): number {
  return unshare(CLONE_FS);
}

/** `flags`: CLONE_*. */
export function unshare(flags: number): number {
  return outcome(c_unshare(flags));
}

export function getuid(): number {
  return c_getuid();
}
export function geteuid(): number {
  return c_geteuid();
}
export function getgid(): number {
  return c_getgid();
}
export function getegid(): number {
  return c_getegid();
}

// struct __user_cap_header_struct (version 3, this thread), and two __user_cap_data_struct: effective, permitted, inheritable for
// the capabilities 0 … 31, then for the rest.
const capHeader = new Uint32Array([0x2008_0522, 0]);
const capSets = new Uint32Array(6);

/** Whether the calling thread has a capability (CAP_*) in its effective set, see capabilities(7). */
export function hasEffectiveCapability(bit: number): boolean {
  if (outcome(c_capability(SYS_capget, capHeader, capSets)) < 0) return false;
  return (((capSets[bit < 32 ? 0 : 3] as number) >>> (bit & 31)) & 1) === 1;
}

/** Takes a capability (CAP_*) from the calling thread for good: 0 or a negative errno. */
export function dropCapability(bit: number): number {
  const result = outcome(c_capability(SYS_capget, capHeader, capSets));
  if (result < 0) return result;
  const effective = bit < 32 ? 0 : 3;
  const others = ~(1 << (bit & 31));
  capSets[effective] = (capSets[effective] as number) & others;
  // From the permitted set too: setfsuid(0) raises file capabilities again if they are permitted.
  capSets[effective + 1] = (capSets[effective + 1] as number) & others;
  return outcome(c_capability(SYS_capset, capHeader, capSets));
}

/** Does `work` without a capability (CAP_*) in the calling thread's effective set, which is then as it was. */
export function withoutCapability<T>(bit: number, work: () => T): T {
  const word = bit < 32 ? 0 : 3;
  const known = outcome(c_capability(SYS_capget, capHeader, capSets));
  const before = capSets[word] as number;
  const mask = 1 << (bit & 31);
  if (known < 0 || (before & mask) === 0) return work();
  capSets[word] = before & ~mask;
  c_capability(SYS_capset, capHeader, capSets);
  try {
    return work();
  } finally {
    c_capability(SYS_capget, capHeader, capSets);
    capSets[word] = (capSets[word] as number) | mask;
    c_capability(SYS_capset, capHeader, capSets);
  }
}
