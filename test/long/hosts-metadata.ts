// Metadata of the files that the processes of the exerciser of hosts share (hosts-exerciser-metadata.c), and whether what is seen of it can be:
// each attribute is a register that a plain file system changes and reads at some moment within each call. Of two changes one after the other only
// the second counts; of two at the same time either may.

import { chmodSync, linkSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { xattrsOf } from '../mounted/support.ts';

const FILES = Array.from({ length: 32 }, (_, file) => `${file}`);

/** Names that a file has at first: each fourth one has two. */
const firstNames = (file: string): string[] => {
  const at = Number(file) % 4;
  return [`d${at}/m${file}.0`, ...(at === 3 ? [`d0/m${file}.1`] : [])];
};

/** Lays the files in a tree that has the shared directories. */
export function layMetadata(root: string): void {
  for (const file of FILES) {
    const [first = '', ...others] = firstNames(file).map((name) => `${root}/${name}`);
    writeFileSync(first, `F m${file}\n`);
    chmodSync(first, 0o666);
    for (const other of others) linkSync(first, other);
  }
}

/** One call. Microseconds; one that was under way when its host died has not ended. */
interface Call {
  begin: number;
  end: number;
  sure: boolean;
  values: Map<string, string>;
}

/** Times that a storage sets itself are those of its last tick. */
const TICK = 12_000;

/** What one call sets together, in one step. */
const TOGETHER = [
  ['atime', 'mtime'],
  ['uid', 'gid'],
] as const;

const XATTRS = ['user.a', 'user.b'];

interface NameCounts {
  sure: number;
  more: number;
  less: number;
  /** All that was tried, for who looks at a failure. */
  tried: string[];
}

interface SharedFile {
  set: Call[];
  seen: Call[];
}

/** What all processes together were answered about metadata, and names of the files that have it. */
export class MetadataAnswers {
  readonly #files = new Map<string, SharedFile>();
  /** How often each name has come less how often it has gone; and changes of which nobody knows. */
  readonly #names = new Map<string, NameCounts>();

  /** @param root where they are laid, and nobody has begun */
  constructor(root: string) {
    for (const file of FILES) {
      const names = firstNames(file);
      for (const name of names) this.#name(name).sure++;
      const values = seenOf(`${root}/${names[0]}`);
      this.#file(file).set.push({ begin: -Infinity, end: -Infinity, sure: true, values });
    }
  }

  /** @param output what one process has written */
  add(output: string): void {
    for (const line of output.split('\n')) {
      const [kind = '', first = '', begin, end, ...values] = line.trim().split(' ');
      if (/^[WweS]$/.test(kind)) {
        const file = this.#file(first);
        const sure = kind === 'W' || kind === 'S';
        const call = {
          begin: Number(begin),
          end: kind === 'w' ? Infinity : Number(end),
          sure,
          values: mapOf(values),
        };
        (kind === 'S' ? file.seen : file.set).push(call);
      } else if (/^[Mmx]$/.test(kind)) {
        const name = this.#name(first);
        name.tried.push(`${end}…${values[0]} ${kind}${begin}`);
        if (kind === 'M') name.sure += Number(begin);
        else if (kind === 'm' && begin === '1') name.more++;
        else if (kind === 'm') name.less++;
      }
    }
  }

  get calls(): number {
    return [...this.#files.values()].reduce((sum, { set, seen }) => sum + set.length + seen.length, 0);
  }

  /** What no plain file system would have shown while they worked; of hosts, who look at what another is bringing up (docs/semantics.md), it is not asked. */
  faultsOfSeen(): string[] {
    return [...this.#files].flatMap(([name, { set, seen }]) =>
      seen.flatMap((call) =>
        [...call.values].flatMap(([what, value]) =>
          candidates(set, what, value, call).length > 0
            ? []
            : [`m${name}: ${what} ${value} seen at ${call.begin}…${call.end}; ${history(set, what)}`],
        ),
      ),
    );
  }

  /**
   * What is wrong in the end. Of all trees it must be asked before any content is read, which changes the time of access.
   * @param killed whether a host has died, whose file may count a link too many
   */
  faultsOfTree(root: string, killed = false): string[] {
    const wrong: string[] = [];
    const there = namesIn(root);
    for (const name of new Set([...there, ...this.#names.keys()])) {
      const { sure, more, less, tried } = this.#name(name);
      const count = there.includes(name) ? 1 : 0;
      if (count > sure + more || count < sure - less)
        wrong.push(`${name} is there ${count}, not ${sure} times; ${tried.sort().join(', ')}`);
    }
    for (const [file, { set }] of this.#files) {
      const names = there.filter((name) => fileOf(name) === file);
      const inodes = new Set(names.map((name) => statSync(`${root}/${name}`).ino));
      if (inodes.size !== 1) wrong.push(`m${file} is ${inodes.size} files`);
      for (const name of names) {
        const { nlink } = statSync(`${root}/${name}`);
        if (nlink !== names.length && !(killed && nlink === names.length + 1))
          wrong.push(`${name}: ${nlink} links, not ${names.length}`);
        wrong.push(...faultsOfFile(set, seenOf(`${root}/${name}`)).map((fault) => `${name}: ${fault}`));
      }
    }
    return wrong;
  }

  /** What is wrong with what they hold: each record that was acknowledged is there, once. */
  faultsOfContent(root: string): string[] {
    return namesIn(root).flatMap((name) => {
      const file = fileOf(name);
      const set = this.#file(file).set.filter(({ values }) => values.has('record'));
      const [head, ...lines] = readFileSync(`${root}/${name}`, 'latin1').split('\n');
      const found = lines.slice(0, -1);
      const wrong = head === `F m${file}` && lines.at(-1) === '' ? [] : [`${name}: begins with ${head}`];
      const known = new Map(set.map(({ sure, values }) => [`R ${values.get('record')}`, sure]));
      if (new Set(found).size !== found.length) wrong.push(`${name}: a record is there twice`);
      for (const line of found) if (!known.has(line)) wrong.push(`${name}: strange ${line}`);
      for (const [line, sure] of known)
        if (sure && !found.includes(line)) wrong.push(`${name}: ${line} is lost`);
      return wrong;
    });
  }

  #file(name: string): SharedFile {
    const file = this.#files.get(name) ?? { set: [], seen: [] };
    this.#files.set(name, file);
    return file;
  }

  #name(name: string): NameCounts {
    const counts = this.#names.get(name) ?? { sure: 0, more: 0, less: 0, tried: [] };
    this.#names.set(name, counts);
    return counts;
  }
}

const mapOf = (values: readonly string[]): Map<string, string> =>
  new Map(values.map((each) => each.split('=') as [string, string]));

const fileOf = (name: string): string => /m(\d+)\.\d$/.exec(name)?.[1] as string;

const namesIn = (root: string): string[] =>
  (readdirSync(root, { recursive: true, encoding: 'utf8' }) as string[])
    .filter((name) => /^d\d\/m\d+\.\d$/.test(name))
    .sort();

/** As the exerciser writes it. */
function seenOf(path: string): Map<string, string> {
  const { mode, uid, gid, atimeNs, mtimeNs } = statSync(path, { bigint: true });
  const xattrs = xattrsOf(path);
  return new Map([
    ['mode', (mode & 0o7777n).toString(8)],
    ['uid', `${uid}`],
    ['gid', `${gid}`],
    ['atime', `${atimeNs}`],
    ['mtime', `${mtimeNs}`],
    ...XATTRS.map((name): [string, string] => {
      const value = xattrs[name];
      return [name, value === undefined ? '-' : Buffer.from(value, 'hex').toString('latin1')];
    }),
  ]);
}

/** The calls of which the last may have been the one whose value is seen within a span of time. */
function candidates(
  set: readonly Call[],
  what: string,
  value: string,
  during: Pick<Call, 'begin' | 'end'>,
): Call[] {
  const writers = set.filter(({ values }) => values.has(what));
  // The last of those that had ended before: whatever had ended before one of these began is gone.
  const over = Math.max(
    ...writers.filter(({ sure, end }) => sure && end < during.begin).map(({ begin }) => begin),
  );
  return writers.filter(
    (call) => call.begin <= during.end && call.end >= over && isValue(call, call.values.get(what), value),
  );
}

function isValue({ begin, end }: Call, written: string | undefined, seen: string): boolean {
  if (written !== 'now') return written === seen;
  const at = Number(seen) / 1000;
  return at >= begin - TICK && at <= end + 1;
}

function faultsOfFile(set: readonly Call[], seen: ReadonlyMap<string, string>): string[] {
  const end = { begin: Infinity, end: Infinity };
  const possible = new Map([...seen].map(([what, value]) => [what, candidates(set, what, value, end)]));
  const wrong = [...seen]
    .filter(([what]) => possible.get(what)?.length === 0)
    .map(([what, value]) => `${what} is ${value}; ${history(set, what)}`);
  if (wrong.length > 0) return wrong;
  return TOGETHER.flatMap(([a, b]) => {
    const fit = possible
      .get(a)
      ?.some((x) => possible.get(b)?.some((y) => x === y || !(x.values.has(b) && y.values.has(a))));
    return fit
      ? []
      : [`${a} ${seen.get(a)} and ${b} ${seen.get(b)} are of different calls; ${history(set, a)}`];
  });
}

/** The last changes, for who looks at a failure. */
function history(set: readonly Call[], what: string): string {
  const writers = set.filter(({ values }) => values.has(what)).sort((a, b) => a.end - b.end);
  const lines = writers.slice(-6).map(({ begin, end, values }) => {
    const all = [...values].map(([name, value]) => `${name}=${value}`).join(' ');
    return `${all} at ${begin}…${end}`;
  });
  return `of ${writers.length} changes the last are: ${lines.join('; ')}`;
}
