// One request of every operation, its old and its unusual forms. Fields as the kernel header lists them, by hand.
import {
  type Case,
  type Fields,
  id,
  type Json,
  latin1,
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

interface Message {
  readonly fields?: Fields;
  readonly names?: readonly string[];
  readonly payload?: string;
  /** The fields of each record. */
  readonly records?: readonly Fields[];
  readonly extensions?: Fields;
  /** What the extensions mean. */
  readonly extended?: { [key: string]: Json };
  readonly minor?: number;
  readonly flags?: bigint;
  readonly uniqueHigh?: number;
  /** The file's name and the title's end, where the operation's name does not say it. */
  readonly variant?: string;
  readonly headerPadding?: number;
  /** It holds bytes that have no place in a decoded message, so it doesn't encode back. */
  readonly oneWay?: boolean;
}

export function requestCase(opcode: number, operation: string, message: Message = {}): Case {
  const { names = [], payload, records, extensions = [], extended = {}, minor = 45, flags = 0n } = message;
  const { fields = [], uniqueHigh = 0, variant, headerPadding = 0, oneWay } = message;
  const struct = place(fields, 9);
  const tail = place(
    [...names.map((name) => raw(`${name}\0`)), ...(payload === undefined ? [] : [raw(payload, 'payload')])],
    1,
  );
  const recordParts = (records ?? []).map((record, i) => place(record, 20 + 4 * i));
  const extension = place(extensions, 40);
  const body = [...struct, ...tail, ...recordParts.flat(), ...extension];
  const header = place([
    u32('len', 40 + lengthOf(body)),
    u32('opcode', opcode),
    u64('unique', (BigInt(uniqueHigh) << 32n) | 0x11223344n),
    id('nodeid'),
    u32('uid'),
    u32('gid'),
    u32('pid'),
    u16('total_extlen', minor >= 38 ? lengthOf(extension) / 8 : headerPadding),
    u16('padding', headerPadding),
  ]);
  const { unique, nodeid, uid, gid, pid } = valuesOf(header) as { [key: string]: Json };
  const expected = {
    operation,
    unique: unique as Json,
    nodeid: nodeid as Json,
    uid: uid as Json,
    gid: gid as Json,
    pid: pid as Json,
    ...(fields.length > 0 && { fields: valuesOf(struct) }),
    ...(names.length > 0 && { names: [...names] }),
    ...(payload !== undefined && { payload }),
    ...(records && { records: recordParts.map((parts: Part[]) => valuesOf(parts)) }),
    ...extended,
  };
  const name = operation.toLowerCase().replaceAll('_', '-');
  return {
    file: `${name}.request${variant ? `.${variant.replaceAll(' ', '-')}` : ''}`,
    title: `${operation} request${variant ? `, ${variant}` : ''}`,
    setting: [
      'request',
      `minor=${minor}`,
      `flags=0x${flags.toString(16)}`,
      ...(oneWay ? ['oneWay=true'] : []),
    ],
    parts: [...header, ...body],
    expected,
  };
}

const open = [u32('flags'), u32('open_flags')];
const create = [u32('flags'), u32('mode'), u32('umask'), u32('open_flags')];
const io = (size?: number) => [
  id('fh'),
  u64('offset'),
  u32('size', size),
  u32('read_flags'),
  u64('lock_owner'),
  u32('flags'),
  u32('padding'),
];
const write = (size: number) => [
  id('fh'),
  u64('offset'),
  u32('size', size),
  u32('write_flags'),
  u64('lock_owner'),
  u32('flags'),
  u32('padding'),
];
const release = [id('fh'), u32('flags'), u32('release_flags'), u64('lock_owner')];
const fsync = [id('fh'), u32('fsync_flags'), u32('padding')];
const lock = [
  id('fh'),
  u64('owner'),
  ...within('lk', [u64('start'), u64('end'), u32('type'), u32('pid')]),
  u32('lk_flags'),
  u32('padding'),
];
const copy = [
  id('fh_in'),
  u64('off_in'),
  id('nodeid_out'),
  id('fh_out'),
  u64('off_out'),
  u64('len'),
  u64('flags'),
];
const init = [u32('major', 7), u32('minor', 45), u32('max_readahead'), u32('flags')];
const wholeInit = [...init, u32('flags2'), many(u32, 'unused', 11)];
const xattr = [u32('size'), u32('padding')];
const setxattr = (size: number) => [u32('size', size), u32('flags'), u32('setxattr_flags'), u32('padding')];

const SETXATTR_EXT = 1n << 29n;
const SECURITY_CTX = 1n << 32n;
const CREATE_SUPP_GROUP = 1n << 34n;

// Security contexts: header (size with itself, count), then for each its size, padding, name, value, to a multiple of 8.
const label = 'system_u:object_r:t';
const selinux = [
  u32('ext.size', 8 + 48),
  u32('ext.nr_secctx', 1),
  u32('secctx.size', label.length + 1),
  u32('secctx.padding', 0),
  raw('security.selinux\0'),
  raw(`${label}\0`),
  zeros(48 - 8 - 17 - label.length - 1),
];
const groups = [
  u32('ext.size', 24),
  u32('ext.type', 32),
  u32('nr_groups', 2),
  u32('group', 0x1234),
  u32('group', 0xfffffffe),
  zeros(4),
];
const context = { name: 'security.selinux', value: `${label}\0` };
const contexts = { securityContexts: [context] };
const both = { groups: [0x1234, 0xfffffffe], ...contexts };
const emptyContexts = [u32('ext.size', 8), u32('ext.nr_secctx', 0)];
const unknownExtension = [
  u32('ext.size', 16),
  u32('ext.type', 99),
  raw(latin1('UNKNOWN!'), 'of a later kernel'),
];
const extended = {
  flags: SECURITY_CTX | CREATE_SUPP_GROUP,
  extensions: [...selinux, ...groups],
  extended: both,
};

export const requestCases: readonly Case[] = [
  requestCase(1, 'LOOKUP', { names: ['a name'] }),
  requestCase(1, 'LOOKUP', { names: ['..'], variant: 'parent', flags: 1n << 4n }),
  requestCase(1, 'LOOKUP', { names: ['\xffnot\xc0utf8\n'], variant: 'bytes' }),
  requestCase(1, 'LOOKUP', { names: ['n'.repeat(255)], variant: 'longest name' }),
  requestCase(1, 'LOOKUP', { names: ['again'], variant: 'resent', flags: 1n << 39n, uniqueHigh: 0x80000000 }),
  requestCase(2, 'FORGET', { fields: [u64('nlookup')] }),
  requestCase(3, 'GETATTR', { fields: [u32('getattr_flags'), u32('dummy'), id('fh')] }),
  requestCase(3, 'GETATTR', {
    fields: [u32('getattr_flags'), u32('dummy'), id('fh')],
    variant: '7.31 with padding set',
    minor: 31,
    headerPadding: 0x5a5a,
    oneWay: true,
  }),
  requestCase(4, 'SETATTR', {
    fields: [
      ...[u32('valid'), u32('padding'), id('fh'), u64('size'), u64('lock_owner'), u64('atime'), u64('mtime')],
      ...[u64('ctime'), u32('atimensec'), u32('mtimensec'), u32('ctimensec'), u32('mode'), u32('unused4')],
      ...[u32('uid'), u32('gid'), u32('unused5')],
    ],
  }),
  requestCase(5, 'READLINK'),
  requestCase(6, 'SYMLINK', { names: ['link', '../some/target'] }),
  requestCase(6, 'SYMLINK', { names: ['link', 'target'], variant: 'extended', ...extended }),
  requestCase(6, 'SYMLINK', { names: ['link', 't/'.repeat(2047)], variant: 'longest target' }),
  requestCase(8, 'MKNOD', {
    fields: [u32('mode'), u32('rdev'), u32('umask'), u32('padding')],
    names: ['device'],
  }),
  requestCase(8, 'MKNOD', {
    fields: [u32('mode'), u32('rdev'), u32('umask'), u32('padding')],
    names: ['device'],
    variant: 'extended',
    ...extended,
  }),
  requestCase(9, 'MKDIR', { fields: [u32('mode'), u32('umask')], names: ['directory'] }),
  requestCase(9, 'MKDIR', {
    fields: [u32('mode'), u32('umask')],
    names: ['directory'],
    variant: 'unknown extension',
    oneWay: true,
    extensions: [...unknownExtension, ...groups],
    extended: { groups: [0x1234, 0xfffffffe] },
  }),
  requestCase(10, 'UNLINK', { names: ['gone'] }),
  requestCase(11, 'RMDIR', { names: ['gone'] }),
  requestCase(12, 'RENAME', { fields: [id('newdir')], names: ['old', 'new name'] }),
  requestCase(13, 'LINK', { fields: [id('oldnodeid')], names: ['second'] }),
  requestCase(14, 'OPEN', { fields: open }),
  requestCase(15, 'READ', { fields: io() }),
  requestCase(16, 'WRITE', { fields: write(20), payload: 'twenty bytes of data' }),
  requestCase(16, 'WRITE', { fields: write(0), payload: '', variant: 'nothing' }),
  requestCase(17, 'STATFS'),
  requestCase(18, 'RELEASE', { fields: release }),
  requestCase(20, 'FSYNC', { fields: fsync }),
  requestCase(21, 'SETXATTR', {
    fields: setxattr(5),
    names: ['user.name'],
    payload: 'v\0lue',
    flags: SETXATTR_EXT,
  }),
  requestCase(21, 'SETXATTR', {
    fields: [u32('size', 5), u32('flags')],
    names: ['user.a/b'],
    payload: 'value',
    variant: '7.31',
    minor: 31,
  }),
  requestCase(22, 'GETXATTR', { fields: xattr, names: ['user.name'] }),
  requestCase(23, 'LISTXATTR', { fields: xattr }),
  requestCase(24, 'REMOVEXATTR', { names: ['user.name'] }),
  requestCase(25, 'FLUSH', { fields: [id('fh'), u32('unused'), u32('padding'), u64('lock_owner')] }),
  requestCase(26, 'INIT', { fields: wholeInit }),
  requestCase(26, 'INIT', { fields: init, variant: '7.31', minor: 31 }),
  requestCase(27, 'OPENDIR', { fields: open }),
  requestCase(28, 'READDIR', { fields: io() }),
  requestCase(29, 'RELEASEDIR', { fields: release }),
  requestCase(30, 'FSYNCDIR', { fields: fsync }),
  requestCase(31, 'GETLK', { fields: lock }),
  requestCase(32, 'SETLK', { fields: lock }),
  requestCase(33, 'SETLKW', { fields: lock }),
  requestCase(34, 'ACCESS', { fields: [u32('mask'), u32('padding')] }),
  requestCase(35, 'CREATE', { fields: create, names: ['file'] }),
  requestCase(35, 'CREATE', { fields: create, names: ['file'], variant: 'extended', ...extended }),
  requestCase(35, 'CREATE', {
    fields: create,
    names: ['file'],
    variant: 'no context to send',
    flags: SECURITY_CTX,
    extensions: emptyContexts,
    extended: { securityContexts: [] },
  }),
  requestCase(35, 'CREATE', {
    fields: create,
    names: ['file'],
    variant: '7.36 with a context',
    minor: 36,
    flags: SECURITY_CTX,
    extensions: selinux,
    extended: contexts,
  }),
  requestCase(36, 'INTERRUPT', { fields: [u64('unique')] }),
  requestCase(37, 'BMAP', { fields: [u64('block'), u32('blocksize'), u32('padding')] }),
  requestCase(38, 'DESTROY'),
  requestCase(39, 'IOCTL', {
    fields: [id('fh'), u32('flags'), u32('cmd'), u64('arg'), u32('in_size', 4), u32('out_size')],
    payload: 'data',
  }),
  requestCase(40, 'POLL', { fields: [id('fh'), u64('kh'), u32('flags'), u32('events')] }),
  requestCase(41, 'NOTIFY_REPLY', {
    fields: [u64('dummy1'), u64('offset'), u32('size', 6), u32('dummy2'), u64('dummy3'), u64('dummy4')],
    payload: 'cached',
  }),
  requestCase(42, 'BATCH_FORGET', {
    fields: [u32('count', 3), u32('dummy')],
    records: [1, 2, 3].map(() => [id('nodeid'), u64('nlookup')]),
  }),
  requestCase(43, 'FALLOCATE', {
    fields: [id('fh'), u64('offset'), u64('length'), u32('mode'), u32('padding')],
  }),
  requestCase(44, 'READDIRPLUS', { fields: io() }),
  requestCase(45, 'RENAME2', {
    fields: [id('newdir'), u32('flags'), u32('padding')],
    names: ['old name', 'new'],
  }),
  requestCase(46, 'LSEEK', { fields: [id('fh'), u64('offset'), u32('whence'), u32('padding')] }),
  requestCase(47, 'COPY_FILE_RANGE', { fields: copy }),
  requestCase(48, 'SETUPMAPPING', {
    fields: [id('fh'), u64('foffset'), u64('len'), u64('flags'), u64('moffset')],
  }),
  requestCase(49, 'REMOVEMAPPING', {
    fields: [u32('count', 2)],
    records: [1, 2].map(() => [u64('moffset'), u64('len')]),
  }),
  requestCase(50, 'SYNCFS', { fields: [u64('padding')] }),
  requestCase(51, 'TMPFILE', { fields: create, names: ['/'] }),
  requestCase(51, 'TMPFILE', { fields: create, names: ['/'], variant: 'extended', ...extended }),
  requestCase(52, 'STATX', {
    fields: [u32('getattr_flags'), u32('reserved'), id('fh'), u32('sx_flags'), u32('sx_mask')],
  }),
  requestCase(53, 'COPY_FILE_RANGE_64', { fields: copy }),
];
