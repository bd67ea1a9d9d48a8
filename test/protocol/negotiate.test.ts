// INIT: what both sides agree on.
import t from 'tap';
import * as p from '../../protocol/index.ts';

const wanted: p.Wanted = {
  flags:
    p.FUSE_ASYNC_READ | p.FUSE_SETXATTR_EXT | p.FUSE_MAX_PAGES | p.FUSE_PASSTHROUGH | p.FUSE_REQUEST_TIMEOUT,
  maxWrite: 1 << 20,
  maxReadahead: 1 << 17,
  maxBackground: 64,
  congestionThreshold: 48,
  timeGran: 1,
  maxPages: 256,
  maxStackDepth: 1,
  requestTimeout: 30,
};
const everything = (1n << 43n) - 1n;
const offer = (more: Partial<p.Offer> = {}): p.Offer => ({
  ...{ major: 7, minor: 45, maxReadahead: 1 << 20, flags: everything },
  ...more,
});

function agreed(offered: p.Offer, wants = wanted) {
  const result = p.negotiate(offered, wants);
  if (result.kind !== 'agreed') throw new Error(result.kind);
  return result;
}

t.test('a kernel of today', async (t) => {
  const { out, dialect } = agreed(offer());
  t.equal(dialect.minor, 45);
  t.equal(
    dialect.flags,
    wanted.flags | p.FUSE_INIT_EXT,
    'nothing unwanted, and INIT_EXT so that flags2 counts',
  );
  t.same(out, {
    major: 7,
    minor: 45,
    max_readahead: 1 << 17,
    flags: Number(dialect.flags & 0xffffffffn),
    flags2: Number(dialect.flags >> 32n),
    max_background: 64,
    congestion_threshold: 48,
    max_write: 1 << 20,
    time_gran: 1,
    max_pages: 256,
    max_stack_depth: 1,
    request_timeout: 30,
  });
  t.ok(dialect.hasPassthrough && dialect.hasSetxattrExtension && dialect.hasPruneNotification);
});

t.test('the oldest kernel', async (t) => {
  const { out, dialect } = agreed(offer({ minor: 31, maxReadahead: 4096, flags: p.FUSE_ASYNC_READ }));
  t.equal(dialect.minor, 31);
  t.match(out, { minor: 31, max_readahead: 4096, flags: 1, flags2: 0, max_pages: 0, max_stack_depth: 0 });
  t.equal(out.request_timeout, 0);
  t.notOk(dialect.hasSetxattrExtension || dialect.hasExtensionLength || dialect.hasAttributeFlags);
});

t.test('a newer minor', async (t) => {
  const { out, dialect } = agreed(offer({ minor: 60 }));
  t.equal(out.minor, 45);
  t.equal(dialect.minor, 45);
});

t.test('passthrough needs a stack depth, and no writeback cache', async (t) => {
  t.notOk(agreed(offer(), { ...wanted, maxStackDepth: 0 }).dialect.hasPassthrough);
  const cached = agreed(offer(), { ...wanted, flags: wanted.flags | p.FUSE_WRITEBACK_CACHE });
  t.notOk(cached.dialect.hasPassthrough);
  t.equal(cached.out.max_stack_depth, 0);
  t.ok(cached.dialect.hasWritebackCache);
});

t.test('limits', async (t) => {
  const { requestTimeout: _, ...without } = wanted;
  const { out, dialect } = agreed(offer(), { ...without, maxWrite: 1, flags: everything });
  t.equal(out.max_write, 4096, 'the kernel refuses less');
  t.equal(out.request_timeout, 0);
  t.equal(dialect.flags & p.FUSE_INIT_RESERVED, 0n);
});

t.test('other major versions', async (t) => {
  t.same(p.negotiate(offer({ major: 8, minor: 0 }), wanted), { kind: 'retry', out: { major: 7, minor: 45 } });
  for (const [major, minor] of [
    [6, 99],
    [7, 30],
  ] as const) {
    const result = p.negotiate(offer({ major, minor }), wanted);
    t.match(result, { kind: 'refused', errno: p.errno.EPROTO });
    t.match(result, { message: /Linux 5\.4 .*7\.31.* speaks FUSE [67]\.(99|30)/ });
  }
});

t.test('reading the offer', async (t) => {
  const read = (fields: p.StructFields) => {
    const caller = { unique: 1, nodeid: 0, uid: 0, gid: 0, pid: 0 };
    const bytes = p.encodeRequest({ operation: 'INIT', ...caller, fields }, p.Dialect.initial);
    const request = new p.Request(bytes, p.Dialect.initial);
    request.load(bytes.length);
    return p.readOffer(request);
  };
  const fields = { major: 7, minor: 36, max_readahead: 9, flags: Number(p.FUSE_INIT_EXT) };
  t.same(read({ ...fields, flags2: 1 }), {
    ...{ major: 7, minor: 36, maxReadahead: 9, flags: p.FUSE_INIT_EXT | p.FUSE_SECURITY_CTX },
  });
  t.equal(read(fields).flags, p.FUSE_INIT_EXT, 'the short form');
  t.equal(read({ ...fields, flags: 1, flags2: 1 }).flags, 1n, 'flags2 does not count without INIT_EXT');
});

t.test('a dialect is immutable and names effects', async (t) => {
  const dialect = new p.Dialect(45, everything);
  t.throws(() => Object.assign(dialect, { minor: 1 }), TypeError);
  const predicates = Object.entries(dialect).filter(([name]) => name.startsWith('has'));
  t.ok(
    predicates.every(([, value]) => value === true),
    'everything is there',
  );
  const none = Object.entries(p.Dialect.initial).filter(([name]) => name.startsWith('has'));
  t.ok(
    none.every(([, value]) => value === false),
    'nothing is there before INIT',
  );
  t.equal(none.length, predicates.length);
});
