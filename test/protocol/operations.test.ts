// The operation table: its checks at load, and what cannot be read off a single row.
import t from 'tap';
import { operationList, operationOf, operations } from '../../protocol/index.ts';
import { bytes, checkOperations, type Operation, records, reply, row } from '../../protocol/operation.ts';
import { fuse_forget_one, fuse_open_in, fuse_write_out } from '../../protocol/structs.ts';

const named = (name: string, rest: Omit<Operation, 'name'>): Operation => ({ name, ...rest });

t.test('every opcode of the protocol', async (t) => {
  const opcodes = operationList.map(({ opcode }) => opcode);
  const never = [7, 19];
  const all = Array.from({ length: 53 }, (_, i) => i + 1).filter((opcode) => !never.includes(opcode));
  t.same(opcodes, all, 'all of them, in order');
  for (const operation of operationList) {
    t.equal(operationOf(operation.opcode), operation);
    t.equal(operations[operation.name], operation);
    t.ok(Object.isFrozen(operation));
  }
  for (const opcode of [0, 7, 19, 54, 4096, -1, 2 ** 32 - 1]) t.equal(operationOf(opcode), undefined);
});

t.test('operations without an answer', async (t) => {
  const silent = operationList.filter(({ answered }) => !answered).map(({ name }) => name);
  t.same(silent, ['FORGET', 'INTERRUPT', 'NOTIFY_REPLY', 'BATCH_FORGET']);
});

t.test('a table that contradicts itself is refused', async (t) => {
  const OK = reply();
  checkOperations([named('A', row(1, null, OK)), named('B', row(2, null, OK))]);
  t.throws(
    () => checkOperations([named('A', row(1, null, OK)), named('B', row(1, null, OK))]),
    /opcode 1 is taken/,
  );
  t.throws(
    () => checkOperations([named('A', row(1, null, OK, { names: ['entry', 'entry', 'entry'] }))]),
    /names/,
  );
  t.throws(
    () => checkOperations([named('A', row(1, fuse_open_in, OK, { payload: bytes('size') }))]),
    /no field size/,
  );
  t.throws(
    () => checkOperations([named('A', row(1, null, OK, { payload: bytes('size') }))]),
    /no field size/,
  );
  t.throws(
    () =>
      checkOperations([named('A', row(1, fuse_open_in, OK, { payload: records('count', fuse_forget_one) }))]),
    /no field count/,
  );
  const contradiction = { ...row(1, null, null), reply: reply(fuse_write_out) };
  t.throws(() => checkOperations([named('A', contradiction)]), /a reply to nothing/);
});
