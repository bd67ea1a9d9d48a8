// A daemon's sign of life, by which others tell whether what it has left half done waits for them: a file in our directory on the upper layer,
// named as its maker, which it holds a lock on and writes to again and again. Both count: some storages keep locks to one host, and a daemon
// that is stopped writes nothing. None of it depends on clocks that agree.

import { constants, read } from 'node:fs';
import { open } from 'node:fs/promises';
import { promisify } from 'node:util';
import { EACCES, EAGAIN, ENOENT } from '../../protocol/errno.ts';
import {
  F_RDLCK,
  F_WRLCK,
  O_CLOEXEC,
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
} from '../sys/constants.ts';
import { type CString, cstring } from '../sys/cstring.ts';
import { close, openat } from '../sys/fd.ts';
import { FileLock, setLock } from '../sys/locks.ts';
import { unlinkat } from '../sys/path.ts';
import { type Maker, nameOfMaker } from './maker.ts';
import { openFolder } from './private.ts';
import { type FileSystemSetup, type LayerSetup, UPPER } from './setup.ts';

const readAt = promisify(read);

const nameOf = (maker: Maker): CString => cstring(nameOfMaker(maker));
const lock = new FileLock();

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}

/** This daemon's own. */
export class Life {
  readonly #setup: FileSystemSetup;
  readonly #maker: Maker;
  #fd = -1;
  #beats = 0;

  constructor(setup: FileSystemSetup) {
    this.#setup = setup;
    this.#maker = { host: setup.host, pid: process.pid };
    this.#begin();
  }

  /**
   * Shows that the daemon lives, beside the event loop: a storage that hangs holds nothing up. Nothing stays open for writing, which would keep
   * the storage from being made read-only. @throws what the storage answers
   */
  async beat(): Promise<void> {
    const { ours } = this.#setup.layers[UPPER] as LayerSetup;
    const path = `/proc/self/fd/${ours}/alive/${nameOfMaker(this.#maker)}`;
    const file = await open(path, constants.O_WRONLY | constants.O_NOFOLLOW).catch(absent);
    // Somebody has taken this daemon for dead, after a long silence on a storage without locks for all; or it could not begin before.
    if (file === undefined) return this.#begin();
    await file.write(`${++this.#beats}\n`, 0).finally(() => file.close());
  }

  /** Nothing of this daemon's is left half done. */
  end(): void {
    if (this.#fd < 0) return;
    close(this.#fd);
    this.#fd = -1;
    inFolder(this.#setup, (folder) => unlinkat(folder, nameOf(this.#maker), 0));
  }

  // Where none can be (a full or a read-only layer), others leave alone what this daemon leaves.
  #begin(): void {
    if (this.#fd >= 0) close(this.#fd);
    const flags = O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    this.#fd = inFolder(this.#setup, (folder) => {
      unlinkat(folder, nameOf(this.#maker), 0); // of a process that had this number
      return openat(folder, nameOf(this.#maker), flags, 0o600);
    });
    if (this.#fd >= 0) setLock(this.#fd, lock.set(F_RDLCK, 0, 0));
  }
}

function inFolder(setup: FileSystemSetup, work: (folder: number) => number): number {
  const folder = openFolder(setup.layers[UPPER] as LayerSetup, 'alive');
  if (folder < 0) return folder;
  const result = work(folder);
  close(folder);
  return result;
}

/** Another daemon's, as it is looked at. */
export class OtherLife {
  readonly #setup: FileSystemSetup;
  readonly #maker: Maker;
  readonly #fd: number;

  private constructor(setup: FileSystemSetup, maker: Maker, fd: number) {
    this.#setup = setup;
    this.#maker = maker;
    this.#fd = fd;
  }

  /** @returns -ENOENT where the daemon has shown none, or has ended; or another negative errno. Call `close`. */
  static open(setup: FileSystemSetup, maker: Maker): OtherLife | number {
    const flags = O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC;
    const fd = inFolder(setup, (folder) => openat(folder, nameOf(maker), flags));
    return fd < 0 ? fd : new OtherLife(setup, maker, fd);
  }

  /** @returns what changes as long as the daemon lives. @throws what the storage answers */
  async look(): Promise<string> {
    const { bytesRead, buffer } = await readAt(this.#fd, Buffer.alloc(32), 0, 32, 0);
    return buffer.toString('latin1', 0, bytesRead);
  }

  /** Whether its lock stands in the way; if not, this daemon holds it until `close`. */
  isLocked(): boolean {
    const result = setLock(this.#fd, lock.set(F_WRLCK, 0, 0));
    return result === -EAGAIN || result === -EACCES;
  }

  /** Nothing of the daemon's is left. */
  remove(): number {
    const result = inFolder(this.#setup, (folder) => unlinkat(folder, nameOf(this.#maker), 0));
    return result === -ENOENT ? 0 : result;
  }

  close(): void {
    close(this.#fd);
  }
}
