import t from 'tap';
import { EAGAIN, EINTR, EINVAL, EIO, EMFILE, ENOENT, ENOSYS } from '../../protocol/errno.ts';
import { decodeReply, encodeRequest, operations } from '../../protocol/index.ts';
import { dialect, exchangeOf } from './exchange.ts';
import type { Draft } from './kernel.ts';

const name = (text: string) => Buffer.from(`${text}\0`);
const message = (draft: Draft, unique = 2) =>
  encodeRequest({ unique, nodeid: 1, uid: 0, gid: 0, pid: 1, ...draft }, dialect);
const lookup = (text = 'a', unique = 2) => message({ operation: 'LOOKUP', names: [name(text)] }, unique);

t.test('what a handler returns is what is answered', async (t) => {
  const { ask } = exchangeOf({
    STATFS: ({ reply }) => {
      reply.zero(80);
      return 80;
    },
    LOOKUP: () => -ENOENT,
  });
  const statfs = ask(message({ operation: 'STATFS' }, 0x1_0000_0002));
  t.equal(statfs?.length, 96);
  t.equal(decodeReply(operations.STATFS, statfs as Uint8Array).unique, 0x1_0000_0002);
  t.equal(decodeReply(operations.LOOKUP, ask(lookup()) as Uint8Array).error, -ENOENT);
});

t.test('requests without an answer get none, whatever the handler does', async (t) => {
  let forgotten = 0;
  const { ask, log } = exchangeOf({
    FORGET: () => {
      if (forgotten++ > 0) throw new Error('on purpose');
      return 0;
    },
  });
  const forget = message({ operation: 'FORGET', fields: { nlookup: 1 } });
  t.equal(ask(forget), undefined);
  t.equal(ask(forget), undefined);
  t.equal(forgotten, 2);
  t.match(log.errors, [{ event: 'bug', request: /FORGET/ }]);
  t.equal(ask(message({ operation: 'BATCH_FORGET', records: [] })), undefined, 'nor without a handler');
});

t.test('operations without a handler', async (t) => {
  const { error } = exchangeOf({});
  t.equal(error(message({ operation: 'BMAP' })), -ENOSYS);
  t.equal(error(message({ operation: 'DESTROY' })), 0);
  t.equal(
    error(message({ operation: 'INIT', fields: { major: 7, minor: 45 } })),
    -EIO,
    'answered before there were workers',
  );
  const unknown = lookup();
  unknown[4] = 200;
  t.equal(error(unknown), -ENOSYS);
});

t.test('a malformed message is answered with its errno if it can be', async (t) => {
  const { ask, error, log } = exchangeOf({ LOOKUP: () => t.fail('must not be called') as never });
  t.equal(error(lookup('a/b')), -EINVAL);
  t.equal(ask(lookup().subarray(0, 39)), undefined, 'no header');
  t.equal(error(lookup().subarray(0, 41)), -EIO, 'cut');
  const forget = message({ operation: 'FORGET' });
  forget[0] = 41;
  t.equal(ask(forget.subarray(0, 41)), undefined, 'nobody waits for it');
  t.same(
    log.errors.map(({ event }) => event),
    Array(4).fill('malformed_message'),
  );
});

t.test('a bug in a handler is EIO for its caller, one stack in the log, and no more', async (t) => {
  const { error, log } = exchangeOf({
    LOOKUP: () => {
      throw new TypeError('on purpose');
    },
    READ: ({ reply }) => reply.body.length + 1,
  });
  t.equal(error(lookup()), -EIO);
  t.equal(error(lookup('b')), -EIO);
  t.match(log.errors[0], { event: 'bug', request: /LOOKUP .*"a"/, error: /TypeError: on purpose\n +at / });
  t.equal(log.errors[1]?.error, 'on purpose');
  t.equal(error(message({ operation: 'READ' })), -EIO, 'an answer that can not be');
  t.match(log.errors[2], { event: 'bug', error: /RangeError/ });
});

t.test('who gets no descriptor is told of in the log, once in a while', async (t) => {
  const { exchange, log, error } = exchangeOf({ LOOKUP: () => -EMFILE }, { descriptors: () => 3 });
  for (let i = 0; i < 3; i++) t.equal(error(lookup()), -EMFILE);
  t.same(log.warnings, [{ event: 'no_descriptor', files: 7, directories: 3 }]);
  t.ok(exchange.takeExhausted(), 'and directories are to give theirs up');
  t.notOk(exchange.takeExhausted());
});

t.test('an interrupt reaches the handler, or is sent again', async (t) => {
  const { ask, error, exchange, slots } = exchangeOf({
    LOOKUP: ({ fs }) => (slots.interrupt(2, 0) && fs.interrupted() ? -EINTR : -ENOENT),
  });
  t.equal(error(lookup()), -EINTR);
  t.notOk(exchange.fs.interrupted(), 'the next request is not');
  const interrupt = (unique: number) => message({ operation: 'INTERRUPT', fields: { unique } }, unique + 1);
  t.equal(error(interrupt(2)), -EAGAIN, 'the request is done');
  slots.begin(1, 4, 0);
  t.equal(ask(interrupt(4)), undefined, 'the interrupted request is answered, by its own worker');
  t.ok(slots.interrupted(1));
});

t.test('debug prints both ways', async (t) => {
  const { ask, log } = exchangeOf(
    {
      LOOKUP: () => -ENOENT,
      GETXATTR: ({ reply }) => {
        reply.zero(8);
        return 8;
      },
    },
    { debug: true },
  );
  ask(lookup('été'));
  ask(message({ operation: 'GETXATTR', fields: { size: 0 }, names: [name('user.a')] }, 4));
  t.match(log.debugs, [
    { event: 'request', message: /^2 LOOKUP node 1 .*"/ },
    { event: 'reply', message: '2 LOOKUP → ENOENT' },
    { event: 'request', message: /^4 GETXATTR/ },
    { event: 'reply', message: /^4 GETXATTR → ok size=0/ },
  ]);
});

t.test('undo is passed on', async (t) => {
  let undone: unknown;
  const { exchange } = exchangeOf({}, { undo: (call) => (undone = call) });
  exchange.undo();
  t.equal(undone, exchange);
});
