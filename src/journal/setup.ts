// What the threads of a mount share of its journal: plain data, made once on the main thread and posted to every worker.

/** Where the journal is and how it is kept. */
export interface JournalSetup {
  /** This host among those that share the layers. Letters, digits, `.` and `-`: it becomes a file name, and stands in every record. */
  readonly host: string;
  /** The directory as the administrator knows it, for messages only. */
  readonly path: string;
  /** Size in bytes from which on the file is put away and a new one begun. */
  readonly limit: number;
  /** Files that were put away are kept up to this number. */
  readonly keep: number;
  /** How long a thread waits for another one that is writing. After that the journal is taken to hang, and nobody waits. */
  readonly patienceMs: number;
  /** How often a writer looks whether the file still has the journal's name and is small enough. */
  readonly checkMs: number;
  /** The words below. */
  readonly words: SharedArrayBuffer;
}

/** All but `turn` and the last three are changed by the thread alone whose turn it is (turn.ts). */
export const WORD = {
  /** Whose turn it is to write. */
  turn: 0,
  /** Descriptor of the journal, -1 when there is none: while nothing is written, none keeps the storage from being made read-only. */
  fd: 1,
  /** The errno with which it could not be opened, 0 when it could. */
  openError: 2,
  /** Where the last record of ours ended, modulo 2^31; -1 when what is there is not ours or was cut short. */
  end: 3,
  /** When the name was last looked at: milliseconds, the low 32 bits. */
  checked: 4,
  /** 1 when a file that is large enough could not be put away, and this has been told. */
  stuck: 5,
  /** The descriptor of a file that was put away, for the main thread to sync and close (sync.ts), which alone makes it -1 again. */
  retired: 6,
  /** 1 when there is something for the main thread to see to: what is not synced, a file that is open. It waits for this word. */
  dirty: 7,
  /** 1 when the directory has a new name in it. */
  dirtyDirectory: 8,
  /** The errno with which the last record was lost; 0 when it was written. */
  state: 9,
  /** Records lost since the journal last worked. */
  lost: 10,
} as const;

const COUNT = 11;

export function allocateWords(): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(COUNT * 4);
  const words = new Int32Array(buffer);
  for (const word of [WORD.fd, WORD.end, WORD.retired] as const) words[word] = -1;
  return buffer;
}

export type JournalOptions = Pick<JournalSetup, 'host' | 'path' | 'limit'>;

export function journalSetup(options: JournalOptions): JournalSetup {
  return { ...options, keep: 8, patienceMs: 5000, checkMs: 1000, words: allocateWords() };
}

/** The main thread shall look, within a second. */
export function wake(words: Int32Array): void {
  if (Atomics.exchange(words, WORD.dirty, 1) === 0) Atomics.notify(words, WORD.dirty);
}

/** The name of the file that is being written. */
export function journalName(host: string): string {
  return `${host}.ndjson`;
}
