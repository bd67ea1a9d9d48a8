// A reply to every operation that is answered, and every notification. Fields as the kernel header lists them, by hand.
import {
  type Case,
  type Fields,
  i32,
  i64,
  type Json,
  lengthOf,
  many,
  type Part,
  place,
  raw,
  u16,
  u32,
  u64,
  valuesOf,
  within,
  zeros,
} from './builder.ts';

interface Answer {
  /** The reply's structs by name. */
  readonly structs?: { readonly [name: string]: Fields };
  readonly bytes?: string;
  /** Each record's fields, and its name. */
  readonly entries?: readonly (readonly [Fields, string])[];
  readonly error?: number;
  readonly sizeOnly?: boolean;
  readonly variant?: string;
}

function replyCase(operation: string, answer: Answer = {}): Case {
  const { structs = {}, bytes, entries, error = 0, sizeOnly = false, variant } = answer;
  const placed = Object.entries(structs).map(
    ([name, fields], i) => [name, place(fields, 4 + 26 * i)] as const,
  );
  const records = (entries ?? []).map(([fields, name], i) => {
    const head = place(fields, 4 + 30 * i);
    const gap = -(lengthOf(head) + name.length) & 7;
    const tail = [raw(name), ...(gap > 0 ? [zeros(gap)] : [])];
    return { parts: [...head, ...place(tail)], value: { ...valuesOf(head), name } };
  });
  const body = [
    ...placed.flatMap(([, parts]) => parts),
    ...(bytes === undefined ? [] : place([raw(bytes, 'bytes')])),
    ...records.flatMap(({ parts }) => parts),
  ];
  const header = place([u32('len', 16 + lengthOf(body)), i32('error', error), u64('unique')]);
  const name = operation.toLowerCase().replaceAll('_', '-');
  return {
    file: `${name}.reply${variant ? `.${variant.replaceAll(' ', '-')}` : ''}`,
    title: `${operation} reply${variant ? `, ${variant}` : ''}`,
    setting: ['reply', `operation=${operation}`, `sizeOnly=${sizeOnly}`],
    parts: [...header, ...body],
    expected: {
      unique: valuesOf(header).unique as Json,
      error,
      ...(placed.length > 0 && {
        structs: Object.fromEntries(placed.map(([key, parts]) => [key, valuesOf(parts)])),
      }),
      ...(bytes !== undefined && { bytes }),
      ...(entries && { entries: records.map(({ value }) => value) }),
    },
  };
}

const attr = [
  ...[u64('ino'), u64('size'), u64('blocks'), u64('atime'), u64('mtime'), u64('ctime'), u32('atimensec')],
  ...[u32('mtimensec'), u32('ctimensec'), u32('mode'), u32('nlink'), u32('uid'), u32('gid'), u32('rdev')],
  ...[u32('blksize'), u32('flags')],
];
const fuse_entry_out = [
  ...[u64('nodeid'), u64('generation'), u64('entry_valid'), u64('attr_valid'), u32('entry_valid_nsec')],
  ...[u32('attr_valid_nsec'), ...within('attr', attr)],
];
const fuse_attr_out = [u64('attr_valid'), u32('attr_valid_nsec'), u32('dummy'), ...within('attr', attr)];
const fuse_open_out = [u64('fh'), u32('open_flags'), i32('backing_id')];
const fuse_write_out = [u32('size'), u32('padding')];
const fuse_getxattr_out = [u32('size'), u32('padding')];
const lock = within('lk', [u64('start'), u64('end'), u32('type'), u32('pid')]);
const time = [i64('tv_sec'), u32('tv_nsec'), i32('__reserved')];
const statx = [
  ...[u32('mask'), u32('blksize'), u64('attributes'), u32('nlink'), u32('uid'), u32('gid'), u16('mode')],
  ...[many(u16, '__spare0', 1), u64('ino'), u64('size'), u64('blocks'), u64('attributes_mask')],
  ...[...within('atime', time), ...within('btime', time), ...within('ctime', time), ...within('mtime', time)],
  ...[u32('rdev_major'), u32('rdev_minor'), u32('dev_major'), u32('dev_minor'), many(u64, '__spare2', 14)],
];
const kstatfs = [
  ...[u64('blocks'), u64('bfree'), u64('bavail'), u64('files'), u64('ffree'), u32('bsize'), u32('namelen')],
  ...[u32('frsize'), u32('padding'), many(u32, 'spare', 6)],
];
const initOut = [
  ...[u32('major', 7), u32('minor', 45), u32('max_readahead'), u32('flags'), u16('max_background')],
  ...[
    u16('congestion_threshold'),
    u32('max_write'),
    u32('time_gran'),
    u16('max_pages'),
    u16('map_alignment'),
  ],
  ...[u32('flags2'), u32('max_stack_depth'), u16('request_timeout'), many(u16, 'unused', 11)],
];
const dirent = (name: string): [Fields, string] => [
  [u64('ino'), u64('off'), u32('namelen', name.length), u32('type')],
  name,
];
const direntplus = (name: string): [Fields, string] => [
  [
    ...within('entry_out', fuse_entry_out),
    ...within('dirent', [u64('ino'), u64('off'), u32('namelen', name.length), u32('type')]),
  ],
  name,
];

const done = [
  ...[
    'UNLINK',
    'RMDIR',
    'RENAME',
    'RELEASE',
    'FSYNC',
    'SETXATTR',
    'REMOVEXATTR',
    'FLUSH',
    'RELEASEDIR',
    'ACCESS',
  ],
  ...[
    'FSYNCDIR',
    'SETLK',
    'SETLKW',
    'DESTROY',
    'FALLOCATE',
    'RENAME2',
    'SETUPMAPPING',
    'REMOVEMAPPING',
    'SYNCFS',
  ],
];

export const replyCases: readonly Case[] = [
  ...['LOOKUP', 'SYMLINK', 'MKNOD', 'MKDIR', 'LINK'].map((name) =>
    replyCase(name, { structs: { fuse_entry_out } }),
  ),
  ...['GETATTR', 'SETATTR'].map((name) => replyCase(name, { structs: { fuse_attr_out } })),
  ...['OPEN', 'OPENDIR'].map((name) => replyCase(name, { structs: { fuse_open_out } })),
  ...['CREATE', 'TMPFILE'].map((name) => replyCase(name, { structs: { fuse_entry_out, fuse_open_out } })),
  ...['WRITE', 'COPY_FILE_RANGE'].map((name) => replyCase(name, { structs: { fuse_write_out } })),
  ...done.map((name) => replyCase(name)),
  replyCase('LOOKUP', { error: -2, variant: 'ENOENT' }),
  replyCase('READLINK', { bytes: '../some/target' }),
  replyCase('READ', { bytes: 'what was read\0' }),
  replyCase('READ', { bytes: '', variant: 'end of file' }),
  replyCase('STATFS', { structs: { fuse_statfs_out: within('st', kstatfs) } }),
  replyCase('GETXATTR', { bytes: 'value' }),
  replyCase('GETXATTR', { structs: { fuse_getxattr_out }, sizeOnly: true, variant: 'size' }),
  replyCase('LISTXATTR', { bytes: 'user.a\0user.b\0' }),
  replyCase('LISTXATTR', { structs: { fuse_getxattr_out }, sizeOnly: true, variant: 'size' }),
  replyCase('INIT', { structs: { fuse_init_out: initOut } }),
  replyCase('READDIR', { entries: [dirent('.'), dirent('eight888'), dirent('n\xffme')] }),
  replyCase('READDIR', { entries: [], variant: 'end' }),
  replyCase('READDIRPLUS', { entries: [direntplus('..'), direntplus('a longer name')] }),
  replyCase('GETLK', { structs: { fuse_lk_out: lock } }),
  replyCase('BMAP', { structs: { fuse_bmap_out: [u64('block')] } }),
  replyCase('IOCTL', {
    structs: { fuse_ioctl_out: [i32('result'), u32('flags'), u32('in_iovs'), u32('out_iovs')] },
    bytes: 'out data',
  }),
  replyCase('POLL', { structs: { fuse_poll_out: [u32('revents'), u32('padding')] } }),
  replyCase('LSEEK', { structs: { fuse_lseek_out: [u64('offset')] } }),
  replyCase('STATX', {
    structs: {
      fuse_statx_out: [
        ...[u64('attr_valid'), u32('attr_valid_nsec'), u32('flags'), many(u64, 'spare', 2)],
        ...within('stat', statx),
      ],
    },
  }),
  replyCase('COPY_FILE_RANGE_64', { structs: { fuse_copy_file_range_out: [u64('bytes_copied')] } }),
];

function notificationCase(
  notification: string,
  code: number,
  fields: Fields,
  tail: Part[] = [],
  more: Json = {},
): Case {
  const struct = place(fields, 4);
  const body = [...struct, ...tail];
  return {
    file: `notify-${notification.toLowerCase().replaceAll('_', '-')}`,
    title: `${notification} notification`,
    setting: ['notification'],
    parts: [
      ...place([u32('len', 16 + lengthOf(body)), i32('error (code)', code), u64('unique', 0)]),
      ...body,
    ],
    expected: { notification, ...(fields.length > 0 && { fields: valuesOf(struct) }), ...(more as object) },
  };
}

const nodeids = place([u64('nodeid'), u64('nodeid')], 50);

export const notificationCases: readonly Case[] = [
  notificationCase('POLL', 1, [u64('kh')]),
  notificationCase('INVAL_INODE', 2, [u64('ino'), i64('off', -1), i64('len')]),
  notificationCase(
    'INVAL_ENTRY',
    3,
    [u64('parent'), u32('namelen', 4), u32('flags')],
    place([raw('name\0')]),
    {
      name: 'name',
    },
  ),
  notificationCase(
    'STORE',
    4,
    [u64('nodeid'), u64('offset'), u32('size', 5), u32('padding', 0)],
    place([raw('bytes')]),
    { bytes: 'bytes' },
  ),
  notificationCase('RETRIEVE', 5, [
    ...[u64('notify_unique'), u64('nodeid'), u64('offset'), u32('size'), u32('padding', 0)],
  ]),
  notificationCase(
    'DELETE',
    6,
    [u64('parent'), u64('child'), u32('namelen', 4), u32('padding', 0)],
    place([raw('gone\0')]),
    { name: 'gone' },
  ),
  notificationCase('RESEND', 7, []),
  notificationCase('INC_EPOCH', 8, []),
  notificationCase('PRUNE', 9, [u32('count', 2), u32('padding', 0), u64('spare', 0)], nodeids, {
    nodeids: nodeids.map((part) => part.value as Json),
  }),
];
