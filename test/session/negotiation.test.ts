import t from 'tap';
import { EPROTO } from '../../protocol/errno.ts';
import * as flag from '../../protocol/flags.ts';
import { encodeReply, operations } from '../../protocol/index.ts';
import { openSession, wantedFlags } from '../../src/session/negotiation.ts';
import { SessionError } from '../../src/session/session-error.ts';
import { close } from '../../src/sys/fd.ts';
import { Kernel } from './kernel.ts';

const ALL = (1n << 43n) - 1n;
const offer = (major: number, minor: number, flags = ALL) => ({
  operation: 'INIT' as const,
  nodeid: 0,
  fields: {
    major,
    minor,
    max_readahead: 131_072,
    flags: Number(flags & 0xffff_ffffn),
    flags2: Number(flags >> 32n),
  },
});

/** Locks are the kernel's. */
const local = (permissions: 'default' | 'layer') => ({
  permissions,
  locks: 'local' as const,
  passthrough: 'off' as const,
});

const open = (kernel: Kernel, flags = wantedFlags(local('default'), false), timeoutMs?: number) => {
  try {
    return openSession(kernel.device, flags, timeoutMs);
  } finally {
    close(kernel.device);
  }
};

t.test('what is wanted is agreed, and nothing else', async (t) => {
  const kernel = new Kernel();
  kernel.ask(offer(7, 45));
  const dialect = open(kernel);
  t.equal(dialect.minor, 45);
  t.ok(dialect.hasPosixAcl);
  t.ok(dialect.hasKillSuidgid);
  t.ok(dialect.hasUmask);
  t.ok(dialect.hasReaddirplus);
  t.ok(dialect.hasExpireOnly);
  t.notOk(dialect.hasWritebackCache);
  t.notOk(dialect.hasPassthrough);
  const { error, structs } = kernel.answer('INIT');
  t.equal(error, 0);
  t.match(structs?.fuse_init_out, {
    major: 7,
    minor: 45,
    max_readahead: 131_072,
    max_background: 4096,
    congestion_threshold: 3072,
    max_write: 1 << 20,
    time_gran: 1,
    max_pages: 256,
  });
  const { flags, flags2 } = { ...structs?.fuse_init_out } as { flags: number; flags2: number };
  const answered = BigInt(flags) | (BigInt(flags2) << 32n);
  t.equal(answered, dialect.flags);
  t.equal(answered & (flag.FUSE_FLOCK_LOCKS | flag.FUSE_POSIX_LOCKS), 0n, 'locks stay with the kernel');
});

t.test('the flags follow the policy', async (t) => {
  t.equal(wantedFlags(local('layer'), false) & flag.FUSE_POSIX_ACL, 0n);
  t.not(wantedFlags(local('default'), false) & flag.FUSE_POSIX_ACL, 0n);
  t.equal(wantedFlags(local('default'), false) & flag.FUSE_CACHE_SYMLINKS, 0n);
  t.not(wantedFlags(local('default'), true) & flag.FUSE_CACHE_SYMLINKS, 0n);
  const locks = flag.FUSE_FLOCK_LOCKS | flag.FUSE_POSIX_LOCKS;
  t.equal(wantedFlags({ ...local('default'), locks: 'cluster' }, false) & locks, locks);
  t.equal(wantedFlags(local('default'), false) & flag.FUSE_PASSTHROUGH, 0n);
  t.not(wantedFlags({ ...local('default'), passthrough: 'upper' }, false) & flag.FUSE_PASSTHROUGH, 0n);
});

t.test('the oldest kernel that is served', async (t) => {
  const kernel = new Kernel();
  kernel.ask(offer(7, 31, (1n << 28n) - 1n));
  const dialect = open(kernel);
  t.equal(dialect.minor, 31);
  t.notOk(dialect.hasKillSuidgid);
});

t.test('an older one is refused, and told so', async (t) => {
  const kernel = new Kernel();
  kernel.ask(offer(7, 30));
  t.throws(
    () => open(kernel),
    new SessionError('Linux 5.4 or newer is needed (FUSE 7.31): this kernel speaks FUSE 7.30'),
  );
  t.equal(kernel.answer('INIT').error, -EPROTO);
});

t.test('a newer major version comes back with ours', async (t) => {
  const kernel = new Kernel();
  kernel.ask(offer(8, 1));
  kernel.ask(offer(7, 45));
  t.equal(open(kernel).minor, 45);
  t.equal(kernel.answer('INIT').structs?.fuse_init_out?.major, 7);
  t.equal(kernel.answer('INIT').structs?.fuse_init_out?.minor, 45);
});

t.test('or not at all', async (t) => {
  const kernel = new Kernel();
  for (let i = 0; i < 4; i++) kernel.ask(offer(8, 1));
  t.throws(() => open(kernel), { message: /agree on no version/ });
});

t.test('what is not an INIT is said in a line', async (t) => {
  const other = new Kernel();
  other.ask({ operation: 'STATFS' });
  t.throws(() => open(other), { message: "the kernel's first message is STATFS, not INIT" });

  const broken = new Kernel();
  broken.send(Buffer.alloc(12));
  t.throws(() => open(broken), { message: /first message is malformed: short-header/ });

  const gone = new Kernel();
  gone.unmount();
  t.throws(() => open(gone), { message: 'the mount was taken away before it began' });

  const silent = new Kernel();
  t.throws(() => open(silent, 0n, 20), { message: /sent no INIT/ });

  const foreign = new Kernel();
  foreign.send(encodeReply(operations.STATFS, { unique: 2, error: -5 }));
  t.throws(() => open(foreign), SessionError);
});
