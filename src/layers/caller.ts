// Who a worker acts as. As root, a worker takes on the caller's file-system uid, gid, supplementary groups and umask, so that the
// layers, their quotas and root-squashed servers see the real user. The ids bind this thread alone (credentials(7), raw system calls).

import { EACCES } from '../../protocol/errno.ts';
import { CAP_SYS_RESOURCE } from '../sys/constants.ts';
import {
  dropCapability,
  getegid,
  geteuid,
  setfsgid,
  setfsuid,
  setgroups,
  umask,
} from '../sys/credentials.ts';
import { groupsOf } from './groups.ts';

/** The part of a request that says who asks. */
export interface CallerIds {
  readonly uid: number;
  readonly gid: number;
  readonly pid: number;
}

/** How long the groups of one task are believed, where the kernel checks permissions too (with the task's own groups). */
const GROUPS_MS = 1000;

/** Tasks whose groups are remembered by one worker. */
const REMEMBERED = 64;

interface Remembered {
  readonly uid: number;
  readonly gid: number;
  readonly groups: Uint32Array;
  readonly until: number;
}

export class Caller {
  readonly #switches: boolean;
  readonly #groupsMs: number;
  readonly #ownUid = geteuid();
  readonly #ownGid = getegid();
  readonly #tasks = new Map<number, Remembered>();
  #uid = this.#ownUid;
  #gid = this.#ownGid;
  #groups: Uint32Array | undefined;
  #umask = -1;
  readonly #asker = { uid: this.#ownUid, gid: this.#ownGid, groups: NONE as Uint32Array, task: 0 };

  /** @param switches root: take on callers; else only the own user is served. @param groupsMs 0: groups are read for each request. */
  constructor(switches: boolean, kernelChecks: boolean) {
    this.#switches = switches;
    this.#groupsMs = kernelChecks ? GROUPS_MS : 0;
    // Its holder passes quotas and takes a file system's reserved blocks, whatever its fsuid (capabilities(7)).
    if (switches) dropCapability(CAP_SYS_RESOURCE);
  }

  /** The user whose request is in hand, also while the daemon works on its own account. */
  get requester(): number {
    return this.#asker.uid;
  }

  /** The thread that waits for the request in hand, as the kernel numbers it; 0 where it is not known here, or there is none. */
  get task(): number {
    return this.#asker.task;
  }

  /** Whether this thread acts as the daemon's own user now. */
  get isDaemon(): boolean {
    return this.#uid === this.#ownUid && this.#gid === this.#ownGid;
  }

  /** Takes on the caller. @returns 0, or -EACCES when that cannot be done: the request must then be refused. */
  assume(ids: CallerIds): number {
    if (!this.#switches) {
      this.#ask(ids.uid, ids.gid, NONE, ids.pid);
      return ids.uid === this.#ownUid && ids.gid === this.#ownGid ? 0 : -EACCES;
    }
    const groups = this.#groupsFor(ids);
    this.#ask(ids.uid, ids.gid, groups, ids.pid);
    return this.#become(ids.uid, ids.gid, groups) ? 0 : -EACCES;
  }

  /** Takes on the daemon's own identity, for what the kernel asks on its own account. @returns 0 or -EACCES. */
  assumeDaemon(): number {
    this.#ask(this.#ownUid, this.#ownGid, NONE, 0);
    return !this.#switches || this.#become(this.#ownUid, this.#ownGid, NONE) ? 0 : -EACCES;
  }

  /** Sets the umask that new objects are made with. Needs a thread of its own file-system attributes (unshare(2), CLONE_FS). */
  mask(mask: number): void {
    if (mask === this.#umask) return;
    umask(mask);
    this.#umask = mask;
  }

  /**
   * Runs what the file system does on its own account (copy-up, mirrored directories) as the daemon's user, then goes back to the
   * caller. If going back fails, every later request of this worker is refused until `assume` succeeds.
   */
  asDaemon<T>(work: () => T): T {
    return this.#switches ? this.#as(this.#ownUid, this.#ownGid, NONE, work) : work();
  }

  /** The other way round: runs as the caller, for exact modes too, what comes in the middle of the daemon's work. */
  asRequester<T>(work: () => T): T {
    const { uid, gid, groups } = this.#asker;
    return this.#switches ? this.#as(uid, gid, groups, work) : work();
  }

  #as<T>(asUid: number, asGid: number, asGroups: Uint32Array, work: () => T): T {
    const uid = this.#uid;
    const gid = this.#gid;
    const groups = this.#groups ?? NONE;
    // Nothing is lost with the umask: who makes something for a caller sets it just before.
    this.mask(0);
    let restored = false;
    let result: T;
    try {
      if (!this.#become(asUid, asGid, asGroups)) throw new Error(`cannot act as uid ${asUid} gid ${asGid}`);
      result = work();
    } finally {
      restored = this.#become(uid, gid, groups);
    }
    if (!restored) throw new Error(`cannot go back to uid ${uid} gid ${gid}`);
    return result;
  }

  #ask(uid: number, gid: number, groups: Uint32Array, task: number): void {
    this.#asker.uid = uid;
    this.#asker.gid = gid;
    this.#asker.groups = groups;
    this.#asker.task = task;
  }

  // Root first for gid and groups: a thread that has given up fsuid 0 keeps CAP_SETUID and CAP_SETGID (only the file-system
  // capabilities follow fsuid), so any order works; the uid comes last so that a failure leaves the stronger check in place.
  #become(uid: number, gid: number, groups: Uint32Array): boolean {
    if (uid === this.#uid && gid === this.#gid && this.#groups && sameGroups(groups, this.#groups))
      return true;
    this.#groups = undefined;
    if (setgroups(groups, groups.length) < 0) return false;
    if (setfsgid(gid) < 0) return false;
    this.#gid = gid;
    if (setfsuid(uid) < 0) return false;
    this.#uid = uid;
    this.#groups = groups;
    return true;
  }

  #groupsFor(ids: CallerIds): Uint32Array {
    const now = performance.now();
    const known = this.#tasks.get(ids.pid);
    if (known && known.uid === ids.uid && known.gid === ids.gid && now < known.until) return known.groups;
    const groups = groupsOf(ids.pid, ids.uid, ids.gid);
    if (this.#groupsMs > 0) {
      if (this.#tasks.size >= REMEMBERED) this.#tasks.clear();
      this.#tasks.set(ids.pid, { uid: ids.uid, gid: ids.gid, groups, until: now + this.#groupsMs });
    }
    return groups;
  }
}

const NONE = new Uint32Array(0);

function sameGroups(a: Uint32Array, b: Uint32Array): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
