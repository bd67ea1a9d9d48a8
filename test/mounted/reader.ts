// An open directory that a test reads piece by piece.

import { AT_FDCWD, O_DIRECTORY, O_RDONLY, SEEK_SET } from '../../src/sys/constants.ts';
import { cstring } from '../../src/sys/cstring.ts';
import { DirentCursor } from '../../src/sys/dirents.ts';
import { close, getdents, lseek, openat } from '../../src/sys/fd.ts';

export interface Entry {
  name: string;
  offset: number;
}

export class Reader {
  readonly #fd: number;
  readonly #cursor: DirentCursor;

  /** @param bytes that are read at a time */
  constructor(path: string, bytes = 1 << 15) {
    this.#cursor = new DirentCursor(new Uint8Array(bytes));
    this.#fd = openat(AT_FDCWD, cstring(path), O_RDONLY | O_DIRECTORY);
  }

  /** At least so many of the entries that follow, `.` and `..` left out; fewer at the end. */
  read(count: number): Entry[] {
    const met: Entry[] = [];
    const cursor = this.#cursor;
    while (met.length < count) {
      const got = getdents(this.#fd, cursor.bytes);
      if (got <= 0) {
        if (got < 0) throw new Error(`getdents: ${got}`);
        break;
      }
      cursor.load(got);
      while (cursor.next()) {
        const name = Buffer.from(cursor.name).toString('latin1', 0, cursor.name.length - 1);
        if (!cursor.isDot) met.push({ name, offset: Number(cursor.offset) });
      }
    }
    return met;
  }

  seek(offset: number): void {
    lseek(this.#fd, offset, SEEK_SET);
  }

  close(): void {
    close(this.#fd);
  }
}

export const namesOf = (entries: Entry[]): string[] => entries.map((entry) => entry.name);
