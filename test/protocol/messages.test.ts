// Messages as plain objects: what may be left out, what is found out, and listings.
import t from 'tap';
import {
  Dialect,
  DT_DIR,
  decodeReply,
  decodeRequest,
  encodeReply,
  encodeRequest,
  FUSE_ROOT_ID,
  FUSE_SECURITY_CTX,
  operations,
  printNotification,
} from '../../protocol/index.ts';
import { readFixture, WIRE } from './fixtures/fixture.ts';

const dialect = new Dialect(45, 0n);
const caller = { unique: 12, nodeid: FUSE_ROOT_ID, uid: 1, gid: 2, pid: 3 };
const bytes = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

t.test('sizes and counts are found out, unless they are given', async (t) => {
  const write = decodeRequest(encodeRequest({ ...caller, operation: 'WRITE' }, dialect), dialect);
  t.match(write, { fields: { size: 0 }, payload: new Uint8Array(0) });
  const forget = { ...caller, operation: 'BATCH_FORGET', records: [{ nodeid: 4, nlookup: 1 }] } as const;
  t.match(decodeRequest(encodeRequest(forget, dialect), dialect), {
    fields: { count: 1 },
    records: forget.records,
  });
  const lie = encodeRequest({ ...forget, fields: { count: 2 } }, dialect);
  t.throws(() => decodeRequest(lie, dialect), { code: 'payload-mismatch' });
});

t.test('security contexts as kernels before 7.38 send them', async (t) => {
  const old = new Dialect(37, FUSE_SECURITY_CTX);
  const contexts = [
    { name: 'security.selinux', value: bytes('label\0') },
    { name: 'security.other', value: bytes('') },
  ];
  const message = {
    ...caller,
    operation: 'MKDIR',
    names: [bytes('d\0')],
    securityContexts: contexts,
  } as const;
  t.same(decodeRequest(encodeRequest(message, old), old).securityContexts, contexts);
  t.same(decodeRequest(encodeRequest(message, dialect), dialect).securityContexts, contexts);
  const { securityContexts: _, ...without } = message;
  t.notOk('securityContexts' in decodeRequest(encodeRequest(without, old), old));
  // Only messages that create a node have any: elsewhere, they are bytes too many.
  const lookup = encodeRequest({ ...message, operation: 'UNLINK' }, old);
  t.throws(() => decodeRequest(lookup, old), { code: 'trailing-bytes' });
});

t.test('listings', async (t) => {
  const entries = [
    { ino: 1, off: 1, namelen: 1, type: DT_DIR, name: bytes('.') },
    { ino: 2n ** 60n, off: 2, namelen: 8, type: DT_DIR, name: bytes('12345678') },
  ];
  const plain = encodeReply(operations.READDIR, { unique: 1, error: 0, entries });
  t.equal(plain.length, 16 + 32 + 32);
  t.same(decodeReply(operations.READDIR, plain).entries, entries);
  const plus = entries.map(({ name, ...dirent }) => ({ entry_out: { nodeid: 7 }, dirent, name }));
  const encoded = encodeReply(operations.READDIRPLUS, { unique: 1, error: 0, entries: plus });
  t.match(decodeReply(operations.READDIRPLUS, encoded).entries, plus);
});

t.test('notifications in print', async (t) => {
  const line = (name: string) => printNotification(readFixture(WIRE, `notify-${name}.txt`).bytes);
  t.match(line('inval-entry'), /^notify INVAL_ENTRY parent=\d+ namelen=4 flags=0x\w+ "name"$/);
  t.match(line('store'), /^notify STORE nodeid=\d+ offset=\d+ size=5 \(5 bytes\)$/);
  t.match(line('prune'), /^notify PRUNE count=2 \d+ \d+$/);
  t.equal(line('inc-epoch'), 'notify INC_EPOCH');
  t.match(line('inval-inode'), 'off=-1');
});
