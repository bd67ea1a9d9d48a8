// Requests that break the protocol, each with the error that must come of it: nothing else may be thrown for any of them.
import { type Case, type Fields, id, lengthOf, place, raw, u16, u32, u64, zeros } from './builder.ts';

interface Hostile {
  readonly errno: string;
  readonly answerable?: boolean;
  /** What the header says, where it is not the truth. */
  readonly len?: number;
  readonly nodeid?: bigint;
  readonly extensionUnits?: number;
  readonly minor?: number;
  readonly flags?: bigint;
  readonly body?: Fields;
}

function hostile(file: string, title: string, opcode: number, error: string, how: Hostile): Case {
  const {
    errno,
    answerable = true,
    len,
    nodeid,
    extensionUnits = 0,
    minor = 45,
    flags = 0n,
    body = [],
  } = how;
  const parts = place(body, 9);
  const header = place([
    u32('len', len ?? 40 + lengthOf(parts)),
    u32('opcode', opcode),
    u64('unique', 0x11223344n),
    id('nodeid', nodeid),
    ...[u32('uid'), u32('gid'), u32('pid'), u16('total_extlen', extensionUnits), u16('padding', 0)],
  ]);
  return {
    file,
    title,
    setting: ['request', `minor=${minor}`, `flags=0x${flags.toString(16)}`],
    parts: [...header, ...parts],
    expected: { error, errno, answerable },
  };
}

/** A message of bytes that need not even be a header. */
const bare = (file: string, title: string, bytes: number[], error: string, errno: string): Case => ({
  file,
  title,
  setting: ['request', 'minor=45', 'flags=0x0'],
  parts: bytes.length === 0 ? [] : place([raw(bytes, 'bytes')]),
  expected: { error, errno, answerable: false },
});

const EINVAL = { errno: 'EINVAL' };
const EIO = { errno: 'EIO' };
const name = (text: string) => [raw(text)];
const io = (size: number) => [id('fh'), u64('offset'), u32('size', size), u32('flags'), zeros(16, 'rest')];
const create = [u32('flags'), u32('mode'), u32('umask'), u32('open_flags'), raw('file\0')];
const withExtension = (bytes: Fields) => [...create, ...bytes];
const extension = (size: number, type: number) => [u32('ext.size', size), u32('ext.type', type)];
const secctx = (size: number) => [u32('secctx.size', size), u32('secctx.padding', 0)];
const SECURITY_CTX = 1n << 32n;

export const hostileCases: readonly Case[] = [
  bare('empty', 'A message without a byte', [], 'short-header', 'EIO'),
  bare('one-byte', 'A message of one byte', [0x28], 'short-header', 'EIO'),
  bare('header-cut', 'A header that lacks its last byte', new Array(39).fill(0x27), 'short-header', 'EIO'),
  bare('zeros', 'Nothing but zeros', new Array(64).fill(0), 'length-mismatch', 'EIO'),
  {
    ...hostile('swapped-init', 'INIT from a kernel of the other byte order', 436207616, 'byte-order', EIO),
    expected: { error: 'byte-order', errno: 'EIO', answerable: false },
  },
  hostile('length-above', 'A header that promises more than was sent', 1, 'length-mismatch', {
    ...EIO,
    len: 4096,
    body: name('name\0'),
  }),
  hostile('length-below', 'A header that admits less than was sent', 1, 'length-mismatch', {
    ...EIO,
    len: 42,
    body: name('name\0'),
  }),
  hostile('length-zero', 'A header of length zero', 3, 'length-mismatch', {
    ...EIO,
    len: 0,
    body: [zeros(16)],
  }),
  hostile('length-huge', 'A header of length 2^32 - 1', 1, 'length-mismatch', {
    ...EIO,
    len: 0xffffffff,
    body: name('name\0'),
  }),
  hostile('forget-length', 'A FORGET that lies is not answered', 2, 'length-mismatch', {
    ...EIO,
    answerable: false,
    len: 0,
    body: [u64('nlookup')],
  }),
  hostile('opcode-zero', 'Opcode 0', 0, 'unknown-opcode', { errno: 'ENOSYS' }),
  hostile('opcode-gap', 'Opcode 7, never given to an operation', 7, 'unknown-opcode', { errno: 'ENOSYS' }),
  hostile('opcode-next', 'The first opcode after those known', 54, 'unknown-opcode', {
    errno: 'ENOSYS',
    body: [zeros(32)],
  }),
  hostile('opcode-cuse', 'CUSE_INIT', 4096, 'unknown-opcode', { errno: 'ENOSYS', body: [zeros(16)] }),
  hostile('opcode-huge', 'Opcode 2^32 - 1', 0xffffffff, 'unknown-opcode', { errno: 'ENOSYS' }),
  hostile('nodeid-inexact', 'A node id above 2^53', 3, 'foreign-id', {
    ...EINVAL,
    nodeid: 1n << 53n,
    body: [zeros(16)],
  }),
  hostile('handle-inexact', 'A file handle of all ones', 15, 'foreign-id', {
    ...EINVAL,
    body: [raw(new Array(8).fill(0xff), 'fh'), zeros(32, 'rest')],
  }),
  hostile('newdir-inexact', 'A target directory above 2^53', 12, 'foreign-id', {
    ...EINVAL,
    body: [u64('newdir', 1n << 63n), raw('a\0b\0')],
  }),
  hostile('forget-record-inexact', 'A forgotten node above 2^53, in the second record', 42, 'foreign-id', {
    ...EINVAL,
    answerable: false,
    body: [u32('count', 2), u32('dummy'), zeros(16, 'record 0'), u64('nodeid', 1n << 62n), u64('nlookup', 1)],
  }),
  hostile('struct-missing', 'OPEN without its struct', 14, 'short-struct', EINVAL),
  hostile('struct-cut', 'GETATTR that lacks its last byte', 3, 'short-struct', {
    ...EINVAL,
    body: [zeros(15)],
  }),
  hostile('init-cut', 'INIT shorter than its oldest form', 26, 'short-struct', {
    ...EINVAL,
    body: [zeros(15)],
  }),
  hostile('setxattr-old-form', 'SETXATTR of 8 bytes where 16 are agreed', 21, 'short-struct', {
    ...EINVAL,
    flags: 1n << 29n,
    body: [u32('size', 0), u32('flags')],
  }),
  hostile('struct-long', 'GETATTR with eight bytes too many', 3, 'trailing-bytes', {
    ...EINVAL,
    body: [zeros(24)],
  }),
  hostile('bytes-after-nothing', 'DESTROY with a body', 38, 'trailing-bytes', {
    ...EINVAL,
    body: [zeros(1)],
  }),
  hostile('bytes-after-name', 'Bytes after a name', 1, 'trailing-bytes', {
    ...EINVAL,
    body: name('name\0more'),
  }),
  hostile('three-names', 'RENAME with a third name', 12, 'trailing-bytes', {
    ...EINVAL,
    body: [u64('newdir', 2), raw('a\0b\0c\0')],
  }),
  hostile('name-missing', 'LOOKUP of nothing', 1, 'unterminated-name', EINVAL),
  hostile('name-without-nul', 'A name without NUL', 1, 'unterminated-name', {
    ...EINVAL,
    body: name('name'),
  }),
  hostile('second-name-missing', 'RENAME with one name', 12, 'unterminated-name', {
    ...EINVAL,
    body: [u64('newdir', 2), raw('one\0')],
  }),
  hostile('second-name-without-nul', 'SYMLINK whose target has no NUL', 6, 'unterminated-name', {
    ...EINVAL,
    body: name('link\0target'),
  }),
  hostile('name-empty', 'An empty name', 1, 'empty-name', { ...EINVAL, body: name('\0') }),
  hostile('target-empty', 'A symbolic link to nothing', 6, 'empty-name', {
    ...EINVAL,
    body: name('link\0\0'),
  }),
  hostile('xattr-name-empty', 'An attribute without a name', 24, 'empty-name', {
    ...EINVAL,
    body: name('\0'),
  }),
  hostile('name-slash', 'A name with a slash', 10, 'bad-name', { ...EINVAL, body: name('a/b\0') }),
  hostile('name-path', 'A path that leads out', 1, 'bad-name', {
    ...EINVAL,
    body: name('../../etc/shadow\0'),
  }),
  hostile('name-dot', 'MKDIR of .', 9, 'bad-name', {
    ...EINVAL,
    body: [u32('mode'), u32('umask'), raw('.\0')],
  }),
  hostile('name-dot-dot', 'RMDIR of ..', 11, 'bad-name', { ...EINVAL, body: name('..\0') }),
  hostile('second-name-dot-dot', 'RENAME to ..', 12, 'bad-name', {
    ...EINVAL,
    body: [u64('newdir', 2), raw('a\0..\0')],
  }),
  hostile('name-long', 'A name of 256 bytes', 1, 'long-name', {
    errno: 'ENAMETOOLONG',
    body: name(`${'n'.repeat(256)}\0`),
  }),
  hostile('xattr-name-long', 'An attribute name of 256 bytes', 24, 'long-name', {
    errno: 'ENAMETOOLONG',
    body: name(`user.${'n'.repeat(251)}\0`),
  }),
  hostile('target-long', 'A symbolic link to 4096 bytes', 6, 'long-name', {
    errno: 'ENAMETOOLONG',
    body: name(`link\0${'t'.repeat(4096)}\0`),
  }),
  hostile('write-above', 'WRITE that promises more than it brings', 16, 'payload-mismatch', {
    ...EINVAL,
    body: [...io(1000), raw('data')],
  }),
  hostile('write-below', 'WRITE that brings more than it says', 16, 'payload-mismatch', {
    ...EINVAL,
    body: [...io(2), raw('data')],
  }),
  hostile('write-huge', 'WRITE of 2^32 - 1 bytes', 16, 'payload-mismatch', {
    ...EINVAL,
    body: [...io(0xffffffff), raw('data')],
  }),
  hostile('setxattr-above', 'A value longer than the message', 21, 'payload-mismatch', {
    ...EINVAL,
    body: [u32('size', 6), u32('flags'), raw('user.a\0value')],
  }),
  hostile('ioctl-above', 'IOCTL data that is not there', 39, 'payload-mismatch', {
    ...EINVAL,
    body: [id('fh'), u32('flags'), u32('cmd'), u64('arg'), u32('in_size', 8), u32('out_size')],
  }),
  hostile('forget-above', 'BATCH_FORGET of more nodes than it names', 42, 'payload-mismatch', {
    ...EINVAL,
    answerable: false,
    body: [u32('count', 2), u32('dummy'), zeros(16, 'record 0')],
  }),
  hostile('forget-huge', 'BATCH_FORGET of 2^32 - 1 nodes', 42, 'payload-mismatch', {
    ...EINVAL,
    answerable: false,
    body: [u32('count', 0xffffffff), u32('dummy')],
  }),
  hostile('forget-record-cut', 'BATCH_FORGET whose last record is cut', 42, 'payload-mismatch', {
    ...EINVAL,
    answerable: false,
    body: [u32('count', 1), u32('dummy'), zeros(15, 'record 0')],
  }),
  hostile('extensions-above', 'Extensions longer than the message', 35, 'bad-extension', {
    ...EINVAL,
    extensionUnits: 0xffff,
    body: create,
  }),
  hostile('extensions-over-name', 'Extensions that would begin within the name', 35, 'unterminated-name', {
    ...EINVAL,
    extensionUnits: 1,
    body: [...create.slice(0, -1), raw('a long name\0')],
  }),
  hostile('extension-size-zero', 'An extension of size zero', 35, 'bad-extension', {
    ...EINVAL,
    extensionUnits: 1,
    body: withExtension(extension(0, 32)),
  }),
  hostile('extension-size-above', 'An extension longer than all extensions', 35, 'bad-extension', {
    ...EINVAL,
    extensionUnits: 1,
    body: withExtension(extension(64, 32)),
  }),
  hostile('extension-unpadded', 'Extensions that do not end on 8 bytes', 35, 'bad-extension', {
    ...EINVAL,
    minor: 37,
    flags: SECURITY_CTX,
    body: withExtension([...extension(12, 0), zeros(4)]),
  }),
  hostile('extension-cut', 'An extension that ends within its header', 35, 'bad-extension', {
    ...EINVAL,
    minor: 36,
    flags: SECURITY_CTX,
    body: withExtension([zeros(4)]),
  }),
  hostile('groups-uncounted', 'A group extension without a count', 35, 'bad-extension', {
    ...EINVAL,
    extensionUnits: 1,
    body: withExtension(extension(8, 32)),
  }),
  hostile('groups-above', 'More groups than the extension holds', 35, 'bad-extension', {
    ...EINVAL,
    extensionUnits: 2,
    body: withExtension([...extension(16, 32), u32('nr_groups', 0x40000001), u32('group')]),
  }),
  hostile('contexts-above', 'More security contexts than there are', 35, 'bad-extension', {
    ...EINVAL,
    extensionUnits: 1,
    body: withExtension(extension(8, 31)),
  }),
  hostile('context-nameless', 'A security context with an empty name', 35, 'bad-extension', {
    ...EINVAL,
    extensionUnits: 3,
    body: withExtension([...extension(24, 1), ...secctx(0), zeros(8)]),
  }),
  hostile('context-without-nul', 'A security context whose name does not end', 35, 'bad-extension', {
    ...EINVAL,
    extensionUnits: 3,
    body: withExtension([...extension(24, 1), ...secctx(0), raw('security')]),
  }),
  hostile('context-above', 'A security context longer than the extension', 35, 'bad-extension', {
    ...EINVAL,
    extensionUnits: 3,
    body: withExtension([...extension(24, 1), ...secctx(7), raw('s\0value'), zeros(1)]),
  }),
];
