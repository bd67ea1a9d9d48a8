// Error numbers and their names.
import t from 'tap';
import { errno, errnoName } from '../../protocol/index.ts';

t.test('names', async (t) => {
  t.equal(errnoName(2), 'ENOENT');
  t.equal(errnoName(-errno.ENAMETOOLONG), 'ENAMETOOLONG');
  t.equal(errnoName(11), 'EAGAIN', 'not EWOULDBLOCK');
  t.equal(errnoName(35), 'EDEADLK', 'not EDEADLOCK');
  t.equal(errnoName(-95), 'EOPNOTSUPP', 'not ENOTSUP');
  t.equal(errnoName(133), 'EHWPOISON');
  for (const none of [0, 41, 58, 134, -4096]) t.equal(errnoName(none), `errno ${Math.abs(none)}`);
});

t.test('Node.js agrees with every number that it knows', async (t) => {
  const { constants } = await import('node:os');
  for (const [name, number] of Object.entries(constants.errno)) {
    t.equal((errno as { [name: string]: number })[name], number, name);
  }
});
