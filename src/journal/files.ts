// The journal's files in its directory: the one that is written is found or made, and put away when it is large. Several mounts of one host may
// share them: each finds by the name, within a second, that another has put the file away, and goes on in the new one. Nothing is ever cut
// or written anew. All functions here are called as the daemon, by the thread whose turn it is.

import { EEXIST, EINVAL, EISDIR, ELOOP, EMLINK, ENOENT, EPERM, ESTALE } from '../../protocol/errno.ts';
import {
  AT_EMPTY_PATH,
  AT_SYMLINK_NOFOLLOW,
  O_APPEND,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_NOCTTY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  RENAME_NOREPLACE,
  STATX_BASIC_STATS,
} from '../sys/constants.ts';
import { geteuid } from '../sys/credentials.ts';
import { type CString, cstring, EMPTY } from '../sys/cstring.ts';
import { eachDirent } from '../sys/dirents.ts';
import { close, openat } from '../sys/fd.ts';
import { linkat, renameat2, statx, unlinkat } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { type JournalSetup, journalName, WORD, wake } from './setup.ts';

const current = new Stat();
const named = new Stat();

/**
 * Makes the descriptor in the words one of the file that has the journal's name now, a new one where that is missing or full.
 * @param dir the journal's directory. @returns 0; a negative errno when a file that others see no more, or none at all, is open. `stuck` is
 * told what keeps a file from being put away or followed, whose records go on into it.
 */
export function settle(
  setup: JournalSetup,
  words: Int32Array,
  dir: number,
  stuck: (result: number) => void,
): number {
  const fd = words[WORD.fd] as number;
  if (fd < 0) return begin(setup, words, dir);
  const name = cstring(journalName(setup.host));
  const known = statx(fd, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS, current);
  const found = known < 0 ? known : statx(dir, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, named);
  const same = found === 0 && named.sameObject(current);
  if (same && current.size < setup.limit) {
    words[WORD.stuck] = 0;
    return 0;
  }
  const isSeen = known === 0 && current.nlink > 0;
  // The main thread has not closed the last one yet: with the next look.
  if (words[WORD.retired] !== -1) return isSeen ? 0 : -ESTALE;
  let result = found === 0 || found === -ENOENT ? 0 : found;
  if (same) result = putAway(setup, dir, name);
  if (result === 0) result = follow(setup, words, dir, fd);
  if (result === 0 || !isSeen) return result;
  stuck(result);
  return 0;
}

function begin(setup: JournalSetup, words: Int32Array, dir: number): number {
  const opened = openJournal(setup, words, dir);
  words[WORD.openError] = opened < 0 ? -opened : 0;
  if (opened < 0) return opened;
  words[WORD.fd] = opened;
  wake(words);
  words[WORD.end] = -1;
  return 0;
}

function follow(setup: JournalSetup, words: Int32Array, dir: number, fd: number): number {
  const opened = openJournal(setup, words, dir);
  if (opened < 0) return opened;
  words[WORD.fd] = opened;
  wake(words);
  words[WORD.end] = -1;
  words[WORD.stuck] = 0;
  Atomics.store(words, WORD.retired, fd);
  return 0;
}

/** Opens the file, making it if need be. What is not a plain file of ours alone is not written to. @returns descriptor or a negative errno. */
function openJournal(setup: JournalSetup, words: Int32Array, dir: number): number {
  const name = cstring(journalName(setup.host));
  const found = statx(dir, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, named);
  if (found < 0 && found !== -ENOENT) return found;
  // Before it is opened: to open a device may do something.
  if (found === 0 && faultOf(named) !== 0) return faultOf(named);
  const flags = O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  const fd = openat(dir, name, flags, 0o600);
  if (fd < 0) return fd;
  const result = statx(fd, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS, named);
  const fault = result < 0 ? result : faultOf(named);
  if (fault < 0) {
    close(fd);
    return fault;
  }
  if (found === -ENOENT) Atomics.store(words, WORD.dirtyDirectory, 1);
  return fd;
}

function faultOf(found: Stat): number {
  if (found.isDirectory) return -EISDIR;
  if (found.isSymlink) return -ELOOP;
  if (!found.isFile || found.uid !== geteuid() || (found.mode & 0o077) !== 0) return -EPERM;
  return found.nlink > 1 ? -EMLINK : 0;
}

/** Gives the file the next number, and removes the oldest of those that have one. @returns 0 or a negative errno. */
function putAway(setup: JournalSetup, dir: number, name: CString): number {
  const numbers = numbersIn(setup, dir);
  if (typeof numbers === 'number') return numbers;
  const next = (numbers.at(-1) ?? 0) + 1;
  const moved = moveTo(dir, name, cstring(numbered(setup, next)));
  if (moved < 0) return moved;
  for (const old of numbers.slice(0, Math.max(0, numbers.length + 1 - setup.keep))) {
    unlinkat(dir, cstring(numbered(setup, old)), 0); // another mount may have; what stays is tried again the next time
  }
  return 0;
}

// Never onto a name that is there: another mount of this host may be putting a file away at the same moment.
function moveTo(dir: number, name: CString, newName: CString): number {
  const moved = renameat2(dir, name, dir, newName, RENAME_NOREPLACE);
  if (moved !== -EINVAL) return moved === -EEXIST || moved === -ENOENT ? 0 : moved;
  const linked = linkat(dir, name, dir, newName, 0);
  if (linked < 0) return linked === -EEXIST || linked === -ENOENT ? 0 : linked;
  return unlinkat(dir, name, 0);
}

function numbered(setup: JournalSetup, number: number): string {
  return `${journalName(setup.host)}.${String(number).padStart(6, '0')}`;
}

/** The numbers of the files that were put away, in ascending order, or a negative errno. */
function numbersIn(setup: JournalSetup, dir: number): number[] | number {
  const prefix = `${journalName(setup.host)}.`;
  const fd = openat(dir, cstring('.'), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return fd;
  const numbers: number[] = [];
  const read = eachDirent(fd, (entry) => {
    const name = Buffer.from(entry.name.subarray(0, -1)).toString('latin1');
    const rest = name.startsWith(prefix) ? name.slice(prefix.length) : '';
    if (/^\d{6,15}$/.test(rest)) numbers.push(Number(rest));
    return true;
  });
  close(fd);
  return read < 0 ? read : numbers.sort((a, b) => a - b);
}
