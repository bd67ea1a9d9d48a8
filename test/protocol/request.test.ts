// The request cursor: fields in place, views, reuse, and what a dialect changes.
import t from 'tap';
import {
  Dialect,
  encodeRequest,
  FUSE_HAS_RESEND,
  FUSE_SETXATTR_EXT,
  fuse_batch_forget_in,
  fuse_forget_one,
  fuse_init_in,
  fuse_rename2_in,
  fuse_setattr_in,
  fuse_setxattr_in,
  fuse_write_in,
  ProtocolError,
  Request,
  type RequestMessage,
} from '../../protocol/index.ts';

const latest = new Dialect(45, FUSE_SETXATTR_EXT);
const text = (value: string) => new TextEncoder().encode(value);
const caller = { unique: 7, nodeid: 2 ** 53 - 1, uid: 0xfffffffe, gid: 3, pid: 4 };

const buffer = new Uint8Array(4096);
const request = new Request(buffer, latest);

function load(message: Omit<RequestMessage, keyof typeof caller>, dialect = latest): Request {
  const bytes = encodeRequest({ ...caller, ...message }, dialect);
  buffer.fill(0xee);
  buffer.set(bytes);
  request.dialect = dialect;
  request.load(bytes.length);
  return request;
}

t.test('header', async (t) => {
  load({ operation: 'STATFS' });
  t.match(request, {
    opcode: 17,
    nodeid: 2 ** 53 - 1,
    uid: 0xfffffffe,
    gid: 3,
    pid: 4,
    uniqueLo: 7,
    uniqueHi: 0,
  });
  t.equal(request.operation.name, 'STATFS');
  t.equal(request.length, 40);
});

t.test('fields', async (t) => {
  const at = fuse_setattr_in.offsets;
  load({
    operation: 'SETATTR',
    fields: { fh: 2 ** 40 + 5, size: 2n ** 63n, atime: -9, mode: 0o644, uid: 2 ** 32 - 1 },
  });
  t.equal(request.fileHandle(at.fh), 2 ** 40 + 5);
  t.equal(request.int64(at.size), 2n ** 63n);
  t.equal(request.int64(at.atime), 2n ** 64n - 9n);
  t.equal(request.signedInt64(at.atime), -9);
  t.equal(request.u32(at.mode), 0o644);
  t.equal(request.u32(at.uid), 2 ** 32 - 1);
  t.equal(request.i32(at.uid), -1);
});

t.test('names and payload are views of the message', async (t) => {
  load({ operation: 'RENAME2', fields: { newdir: 9, flags: 1 }, names: [text('a\0'), text('bc\0')] });
  t.equal(request.nodeId(fuse_rename2_in.offsets.newdir), 9);
  t.same(request.name(0), text('a\0'));
  t.same(request.name(1), text('bc\0'));
  t.equal(request.name(1).buffer, buffer.buffer);
  t.equal(request.payloadLength, 0);
  t.equal(request.payload().length, 0);

  load({ operation: 'WRITE', fields: { offset: 4 }, payload: text('data') });
  t.equal(request.u32(fuse_write_in.offsets.size), 4, 'the size was found out');
  t.equal(request.payloadLength, 4);
  t.same(request.payload(), text('data'));
});

t.test('records are read by offsets that go on after the struct', async (t) => {
  load({
    operation: 'BATCH_FORGET',
    records: [
      { nodeid: 5, nlookup: 2n ** 60n },
      { nodeid: 6, nlookup: 1 },
    ],
  });
  const first = fuse_batch_forget_in.size;
  const { nodeid, nlookup } = fuse_forget_one.offsets;
  t.equal(request.u32(fuse_batch_forget_in.offsets.count), 2);
  t.equal(request.nodeId(first + nodeid), 5);
  t.equal(request.int64(first + nlookup), 2n ** 60n);
  t.equal(request.nodeId(first + fuse_forget_one.size + nodeid), 6);
  t.equal(request.u32(first + 2 * fuse_forget_one.size), 0, 'nothing is read behind the message');
});

t.test('a field that the message does not have reads as zero', async (t) => {
  const message = {
    operation: 'SETXATTR',
    fields: { flags: 1 },
    names: [text('user.a\0')],
    payload: text('v'),
  } as const;
  const at = fuse_setxattr_in.offsets;
  load({ ...message, fields: { flags: 1, setxattr_flags: 1 } });
  t.equal(request.u32(at.setxattr_flags), 1);
  load(message, new Dialect(32, 0n));
  t.equal(request.u32(at.flags), 1);
  t.equal(request.u32(at.setxattr_flags), 0);
  t.same(request.name(0), text('user.a\0'));

  load({ operation: 'INIT', fields: { major: 7, minor: 31 } }, Dialect.initial);
  t.equal(request.length, 56);
  t.equal(request.u32(fuse_init_in.offsets.minor), 31);
  t.equal(request.u32(fuse_init_in.offsets.flags2), 0);
});

t.test('an INIT longer than is known here', async (t) => {
  const known = encodeRequest({ ...caller, operation: 'INIT', fields: { major: 7, flags2: 5 } }, latest);
  buffer.fill(0x11);
  buffer.set(known);
  new DataView(buffer.buffer).setUint32(0, known.length + 16, true);
  request.load(known.length + 16);
  t.equal(request.u32(fuse_init_in.offsets.flags2), 5);
  t.equal(request.u32(fuse_init_in.size), 0x11111111);
});

t.test('a message that was sent before', async (t) => {
  load({ operation: 'READLINK' }, new Dialect(45, FUSE_HAS_RESEND));
  t.notOk(request.isResent);
  const bytes = encodeRequest({ ...caller, unique: 2n ** 63n + 7n, operation: 'READLINK' }, latest);
  buffer.set(bytes);
  request.load(bytes.length);
  t.ok(request.isResent);
  t.equal(request.uniqueHi, 0x80000000);
  request.dialect = latest;
  t.notOk(request.isResent, 'not agreed');
});

t.test('extensions are forgotten with the next message', async (t) => {
  const { groups, securityContexts } =
    load({
      operation: 'MKDIR',
      fields: { mode: 0o755 },
      names: [text('d\0')],
      groups: [7],
      securityContexts: [{ name: 'security.selinux', value: text('l') }],
    }).extensions() ?? {};
  t.same(groups, [7]);
  t.same(request.groups(), [7]);
  t.same(securityContexts, request.securityContexts());
  load({ operation: 'STATFS' });
  t.equal(request.extensions(), undefined);
  t.equal(request.groups(), undefined);
  t.same(request.securityContexts(), []);
});

t.test('what an error tells', async (t) => {
  const thrown = (length: number) => {
    try {
      request.load(length);
    } catch (error) {
      return error as ProtocolError;
    }
    throw new Error('accepted');
  };
  request.dialect = latest;
  t.match(thrown(39), { code: 'short-header', opcode: 0, uniqueLo: 0, uniqueHi: 0, answerable: false });
  t.match(thrown(4097), { code: 'beyond-buffer', answerable: false });
  buffer.set(encodeRequest({ ...caller, operation: 'STATFS' }, latest));
  const error = thrown(41);
  t.match(error, {
    code: 'length-mismatch',
    opcode: 17,
    uniqueLo: 7,
    answerable: true,
    name: 'ProtocolError',
  });
  t.ok(error instanceof ProtocolError);
  t.match(error.message, 'length-mismatch: header says 40 bytes, 41 were read');
});
