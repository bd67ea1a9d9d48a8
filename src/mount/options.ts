/**
 * The option strings of a command line as one checked value. Whatever the text, the outcome is MountOptions or a
 * UsageError of one line. Nothing here looks at the file system.
 */
import { availableParallelism, totalmem } from 'node:os';
import { UsageError } from './errors.ts';
import { MS } from './mount-flags.ts';
import { type OptionValue, parseSize, readWord } from './option-values.ts';
import { splitOptions } from './option-words.ts';
import { IMPLIED, type OptionRow, optionRow } from './options-table.ts';
import { printable } from './printable.ts';

export interface MountOptions {
  /** As given, upper-most first. */
  readonly lower: readonly string[];
  readonly upper: string;
  readonly metadata: 'layer' | 'copyup';
  readonly xattrs: 'strict' | 'best-effort';
  readonly permissions: 'default' | 'layer';
  readonly cache: 'none' | 'shared' | 'exclusive';
  readonly locks: 'local' | 'cluster';
  readonly handles: 'forget' | 'keep';
  readonly passthrough: 'off' | 'upper';
  /** Requests that are served at a time, at most; and so many of them unless most wait for a storage. */
  readonly threads: number;
  readonly busyThreads: number;
  /** Bytes. */
  readonly inodeMemory: number;
  /** Bytes from which on a new file of the journal is begun; undefined: no journal. */
  readonly journal: number | undefined;
  readonly logFile: string | undefined;
  readonly fsname: string | undefined;
  readonly autoUnmount: boolean;
  readonly mountedLayers: boolean;
  readonly nonempty: boolean;
  readonly allowOther: boolean;
  readonly readOnly: boolean;
  /** MS_… bits for mount(2). */
  readonly flags: number;
  /** Security labels, for the kernel as they are. */
  readonly kernel: readonly string[];
}

/** As many as a storage of 20 ms for each operation needs for 16 programs: a quarter never works on the old one. */
const MOST_THREADS = 24;

export interface Caller {
  readonly root: boolean;
  readonly cores: number;
  /** Bytes that the machine has. */
  readonly memory: number;
}

export function thisCaller(): Caller {
  return { root: process.geteuid?.() === 0, cores: availableParallelism(), memory: totalmem() };
}

/** `-o` strings, in their order. */
export function parseOptions(text: string | readonly string[], caller: Caller = thisCaller()): MountOptions {
  const values = collect(typeof text === 'string' ? [text] : text);
  const chosen = <T extends string>(name: string) => (values.get(name) ?? initial(name)) as T;
  const size = (name: string, most = Number.POSITIVE_INFINITY) =>
    (values.get(name) as number | undefined) ?? Math.min(parseSize(initial(name)), most);
  const permissions = chosen<MountOptions['permissions']>('permissions');
  refuseContradictions(values, permissions, caller);
  const flags = mountFlags(values);
  const threads = values.get('threads') as number | undefined;
  return {
    lower: needed(values, 'lowerdir', 'the old storage') as readonly string[],
    upper: needed(values, 'upperdir', 'the new storage') as string,
    metadata: chosen('metadata'),
    xattrs: chosen('xattrs'),
    permissions,
    cache: permissions === 'layer' ? 'none' : chosen('cache'),
    locks: chosen('locks'),
    handles: chosen('handles'),
    passthrough: chosen('passthrough'),
    threads: threads ?? MOST_THREADS,
    busyThreads: threads ?? Math.min(16, Math.max(4, 2 * caller.cores)),
    // The kernel refuses what is more than the machine has in all, unless it is told to overcommit (proc_sys_vm(5)).
    inodeMemory: size('inode-memory', Math.floor(caller.memory / 2)),
    journal: chosen('journal') === 'off' ? undefined : size('journal-size'),
    logFile: values.get('log-file') as string | undefined,
    fsname: values.get('fsname') as string | undefined,
    autoUnmount: values.has('auto_unmount'),
    mountedLayers: values.has('mounted-layers'),
    nonempty: values.has('nonempty'),
    allowOther: caller.root,
    readOnly: (flags & MS.RDONLY) !== 0,
    flags,
    kernel: [...values]
      .filter(([name]) => optionRow(name)?.kind === 'kernel')
      .map(([, value]) => value as string),
  };
}

/** Option names with their values; the same option twice must say the same. */
function collect(texts: readonly string[]): Map<string, OptionValue> {
  const values = new Map<string, OptionValue>();
  const words = texts.flatMap(splitOptions);
  for (const [index, word] of words.entries()) {
    const read = readWord(word, words[index - 1]);
    if (read === undefined) continue;
    const { row, value } = read;
    const before = values.get(row.name);
    if (before !== undefined && JSON.stringify(before) !== JSON.stringify(value)) {
      throw conflict(
        `option ${row.name} is given twice, as ${show(before)} and as ${show(value)}: leave one out`,
      );
    }
    values.set(row.name, value);
  }
  return values;
}

function show(value: OptionValue): string {
  return printable(typeof value === 'object' ? value.join(':') : String(value));
}

function initial(name: string): string {
  const row = optionRow(name);
  return row !== undefined && 'initial' in row ? row.initial : '';
}

function needed(values: Map<string, OptionValue>, name: string, what: string): OptionValue {
  const value = values.get(name);
  if (value === undefined) {
    throw new UsageError('OPTION_MISSING', `no ${name}: name ${what}, -o lowerdir=DIR,upperdir=DIR`);
  }
  return value;
}

function refuseContradictions(values: Map<string, OptionValue>, permissions: string, caller: Caller): void {
  if (permissions === 'layer' && values.has('cache') && values.get('cache') !== 'none') {
    throw conflict(
      `options permissions=layer and cache=${show(values.get('cache') ?? '')} contradict one another: leave one out`,
    );
  }
  if (permissions === 'layer' && values.has('default_permissions')) {
    throw conflict('options permissions=layer and default_permissions contradict one another: leave one out');
  }
  if (caller.root) return;
  if (values.has('allow_other')) {
    throw new UsageError(
      'OPTION_UNAVAILABLE',
      "option allow_other is root's alone, other users' requests could not be served under their own identity: leave it out, or mount as root",
    );
  }
  for (const name of values.keys()) {
    if (optionRow(name)?.kind === 'kernel') {
      throw new UsageError(
        'OPTION_UNAVAILABLE',
        `option ${name} is root's alone: leave it out, or mount as root`,
      );
    }
  }
}

type FlagRow = OptionRow & { kind: 'flag' };

function mountFlags(values: Map<string, OptionValue>): number {
  const rows = [...values.keys()].map(optionRow).filter((row): row is FlagRow => row?.kind === 'flag');
  for (const row of rows) {
    const other = rows.find((r) => (r.set & row.clear) !== 0);
    if (other !== undefined)
      throw conflict(`options ${other.name} and ${row.name} contradict one another: leave one out`);
  }
  let flags = rows.reduce((sum, row) => sum | row.set, 0);
  const cleared = rows.reduce((sum, row) => sum | row.clear, 0);
  for (const name of Object.keys(IMPLIED)
    .filter((n) => values.has(n))
    .flatMap((n) => IMPLIED[n] ?? [])) {
    const row = optionRow(name);
    if (row?.kind === 'flag' && (row.set & cleared) === 0) flags |= row.set;
  }
  return flags;
}

function conflict(message: string): UsageError {
  return new UsageError('OPTION_CONFLICT', message);
}
