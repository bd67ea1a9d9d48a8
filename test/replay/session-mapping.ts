// What differs between two runs of one transcript, and yet is the same: node ids, file handles and listing offsets are mapped
// from the recorded ones to those of the replay as they appear; inode numbers and times are compared by what they mean.

import { FOPEN_NOFLUSH } from '../../protocol/flags.ts';
import {
  errno,
  type Int64,
  type ReplyMessage,
  type RequestMessage,
  type StructFields,
} from '../../protocol/index.ts';

type Numbers = Map<Int64, Int64>;

const NODE_FIELDS = ['newdir', 'oldnodeid', 'nodeid', 'nodeid_out'];
const HANDLE_FIELDS = ['fh', 'fh_in', 'fh_out'];
const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;

/** Times before this second were set on purpose; later ones are those of the run. */
const RECENT = 1_000_000_000;

/** Everything that depends on the file system beneath. */
const FOREIGN = /^(atime|ctime|atimensec|ctimensec|blocks|blksize|generation)$/;

export class Mapping {
  readonly #nodes: Numbers = new Map([[1, 1]]);
  readonly #handles: Numbers = new Map();
  /** Listing offsets by recorded handle. */
  readonly #offsets = new Map<Int64, Numbers>();
  /** The inode numbers that a node (as recorded) showed first. */
  readonly #inodes = new Map<Int64, { recorded: Int64; actual: Int64 }>();
  readonly #self: { uid: number; gid: number; pid: number };

  constructor(self: { uid: number; gid: number; pid: number }) {
    this.#self = self;
  }

  /** The recorded request as this run has to be asked. */
  request(message: RequestMessage): RequestMessage {
    const { fields, records } = message;
    return {
      ...message,
      ...this.#self,
      nodeid: this.#nodes.get(message.nodeid) ?? message.nodeid,
      ...(fields && { fields: this.#fields(message, fields) }),
      ...(records && { records: records.map((record) => this.#fields(message, record)) }),
    };
  }

  #fields({ operation }: RequestMessage, fields: StructFields): StructFields {
    const mapped: Record<string, unknown> = { ...fields };
    for (const key of NODE_FIELDS)
      if (key in fields) mapped[key] = this.#nodes.get(fields[key] as Int64) ?? fields[key];
    for (const key of HANDLE_FIELDS)
      if (key in fields) mapped[key] = this.#handles.get(fields[key] as Int64) ?? 0;
    if (operation.startsWith('READDIR')) {
      mapped.offset = this.#offsets.get(fields.fh as Int64)?.get(fields.offset as Int64) ?? fields.offset;
    }
    if ('uid' in fields) Object.assign(mapped, { uid: this.#self.uid, gid: this.#self.gid });
    return mapped;
  }

  /** Both replies to one request (as recorded), with all that may differ made equal if it means the same. */
  replies(request: RequestMessage, recorded: ReplyMessage, actual: ReplyMessage): [unknown, unknown] {
    const { operation } = request;
    const same = { error: errorOf(request, recorded) };
    if (recorded.error !== 0 || actual.error !== 0 || operation === 'STATFS') {
      return [same, { error: errorOf(request, actual) }];
    }
    if (operation === 'LISTXATTR') return [userNames(recorded), userNames(actual)];
    if (recorded.entries && actual.entries) return this.#listings(request, recorded.entries, actual.entries);
    const [one, other] = this.#structs(request, recorded.structs ?? {}, actual.structs ?? {});
    return [
      [one, recorded.bytes],
      [other, actual.bytes],
    ];
  }

  #structs(request: RequestMessage, recorded: Structs, actual: Structs): [unknown, unknown] {
    const open = [recorded.fuse_open_out, actual.fuse_open_out] as const;
    if (open[0] && open[1]) this.#handles.set(open[0].fh as Int64, open[1].fh as Int64);
    const entry = [recorded.fuse_entry_out, actual.fuse_entry_out] as const;
    const node = (entry[0]?.nodeid ?? request.nodeid) as Int64;
    if (entry[0] && entry[1]) this.#learnNode(node, entry[1].nodeid as Int64);
    this.#learnInode(node, inodeOf(recorded), inodeOf(actual));
    return [this.#plain(recorded, node, 'recorded'), this.#plain(actual, node, 'actual')];
  }

  #listings(request: RequestMessage, recorded: Entries, actual: Entries): [unknown, unknown] {
    const handle = request.fields?.fh as Int64;
    const offsets = this.#offsets.get(handle) ?? new Map();
    this.#offsets.set(handle, offsets);
    recorded.forEach((entry, i) => {
      offsets.set(direntOf(entry).off as Int64, direntOf(actual[i] ?? {}).off as Int64);
    });
    const byName = new Map(actual.map((entry) => [nameOf(entry), entry]));
    const pairs = recorded.map((entry) => [entry, byName.get(nameOf(entry))] as const);
    const views = pairs.map(([one, other]) => {
      const first = { fuse_entry_out: one.entry_out as StructFields };
      const second = { fuse_entry_out: other?.entry_out as StructFields };
      return isLookedUp(one) && isLookedUp(other) ? this.#structs(request, first, second) : [];
    });
    const view = (entries: Entries, side: 0 | 1) =>
      entries.map((entry) => [
        nameOf(entry),
        direntOf(entry).type,
        views[recorded.findIndex((r) => nameOf(r) === nameOf(entry))]?.[side],
      ]);
    return [view(recorded, 0).sort(byFirst), view(actual, 1).sort(byFirst)];
  }

  #learnNode(recorded: Int64, actual: Int64): void {
    if (recorded !== 0 && !this.#nodes.has(recorded)) this.#nodes.set(recorded, actual);
  }

  #learnInode(node: Int64, recorded: Int64 | undefined, actual: Int64 | undefined): void {
    if (node === 0 || recorded === undefined || actual === undefined || this.#inodes.has(node)) return;
    this.#inodes.set(node, { recorded, actual });
  }

  /** The structs of one side. A node's number becomes the recorded one, its inode number whether it is the first one shown. */
  #plain(structs: Structs, node: Int64, side: 'recorded' | 'actual'): unknown {
    const first = this.#inodes.get(node)?.[side];
    const isDirectory = ((attributesOf(structs)?.mode as number) & S_IFMT) === S_IFDIR;
    const walk = (fields: StructFields): unknown =>
      Object.fromEntries(
        Object.entries(fields).flatMap(([key, value]): [string, unknown][] => {
          if (FOREIGN.test(key) || (isDirectory && /^(size|nlink)$/.test(key))) return [];
          if (key === 'fh') return [];
          // Whether a close has anything to tell is the file system's.
          if (key === 'open_flags') return [[key, (value as number) & ~FOPEN_NOFLUSH]];
          if (key === 'nodeid') return [[key, this.#recordedNode(value as Int64, node, side)]];
          if (key === 'ino') return [[key, value === first ? 'as before' : 'another']];
          if (key === 'uid' || key === 'gid')
            return [[key, value === (side === 'recorded' ? 0 : this.#self[key]) ? 'self' : value]];
          if (key === 'mtime' || key === 'mtimensec')
            return (fields.mtime as number) < RECENT ? [[key, value]] : [];
          return [[key, typeof value === 'object' && value !== null ? walk(value as StructFields) : value]];
        }),
      );
    return walk(structs);
  }

  #recordedNode(value: Int64, node: Int64, side: 'recorded' | 'actual'): unknown {
    if (side === 'recorded' || value === 0) return value;
    return this.#nodes.get(node) === value ? node : `another (${value})`;
  }
}

type Structs = { readonly [name: string]: StructFields };
type Entries = readonly StructFields[];

/** A record of READDIRPLUS has its dirent within. */
const direntOf = (entry: StructFields) => (entry.dirent ?? entry) as StructFields;
/** Entries without a node, as `.` and `..`, say nothing more than their name and type. */
const isLookedUp = (entry?: StructFields) =>
  Number((entry?.entry_out as StructFields | undefined)?.nodeid ?? 0) !== 0;
const nameOf = (entry: StructFields) => Buffer.from(entry.name as Uint8Array).toString('latin1');
const byFirst = (a: unknown[], b: unknown[]) => ((a[0] as string) < (b[0] as string) ? -1 : 1);

function attributesOf(structs: Structs): StructFields | undefined {
  return (structs.fuse_entry_out?.attr ?? structs.fuse_attr_out?.attr) as StructFields | undefined;
}

function inodeOf(structs: Structs): Int64 | undefined {
  return attributesOf(structs)?.ino as Int64 | undefined;
}

/** Attributes that nobody set may be unknown to one file system and unsupported by another. */
function errorOf({ operation, names }: RequestMessage, { error }: ReplyMessage): unknown {
  const isForeign =
    operation === 'GETXATTR' &&
    !Buffer.from(names?.[0] ?? [])
      .toString()
      .startsWith('user.');
  if (isForeign && (error === -errno.ENODATA || error === -errno.EOPNOTSUPP)) return 'none';
  return error;
}

/** The attribute names of a listing that are the transcript's own: file systems add theirs. */
function userNames({ bytes }: ReplyMessage): unknown {
  const names = Buffer.from(bytes ?? [])
    .toString('latin1')
    .split('\0');
  return names.filter((name) => name.startsWith('user.')).sort();
}
