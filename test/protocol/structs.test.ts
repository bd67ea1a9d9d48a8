// The declared structs and constants against the numbers that a C compiler finds in the kernel header.
import { readFileSync } from 'node:fs';
import t from 'tap';
import * as protocol from '../../protocol/index.ts';
import { notifications, operations, type Struct } from '../../protocol/index.ts';
import { SWAPPED_INIT_OPCODE } from '../../protocol/operations.ts';
import { WIRE } from './fixtures/fixture.ts';

const text = readFileSync(new URL('kernel-header.txt', WIRE), 'utf8').replace(/^#(?! constants).*\n/gm, '');
const [structLines = [], constantLines = []] = text
  .split('# constants\n')
  .map((part) => part.split('\n').filter((line) => line !== ''));

const exported = protocol as unknown as { readonly [name: string]: unknown };

t.test('structs', async (t) => {
  const declared = Object.keys(exported).filter((name) => /^(fuse|cuse)_/.test(name));
  const ours = ['fuse_init_in_compat', 'fuse_setxattr_in_compat'];
  const names = structLines.map((line) => line.split(' ')[0] as string);
  t.same(
    declared.filter((name) => !ours.includes(name)).sort(),
    names.sort(),
    'the header’s structs, all of them, and no others',
  );
  for (const line of structLines) {
    const [name = '', size, ...fields] = line.split(' ');
    const struct = exported[name] as Struct;
    t.equal(struct.name, name);
    t.equal(struct.size, Number(size), `${name} size`);
    t.same(
      Object.entries(struct.offsets).map(([field, offset]) => `${field}:${offset}`),
      fields,
      `${name} fields`,
    );
  }
});

t.test('compat structs are the beginnings of their successors', async (t) => {
  for (const [short, long] of [
    [protocol.fuse_init_in_compat, protocol.fuse_init_in],
    [protocol.fuse_setxattr_in_compat, protocol.fuse_setxattr_in],
  ] as const) {
    t.match(long.offsets, short.offsets);
  }
  t.equal(protocol.fuse_init_in_compat.size, 16);
  t.equal(protocol.fuse_setxattr_in_compat.size, 8, 'FUSE_COMPAT_SETXATTR_IN_SIZE');
});

// Not declared here: what only the header's own arithmetic, or a kernel older than 7.31, needs.
const UNUSED =
  /COMPAT_.*SIZE|CUSE_INIT|BSWAP|FUSE_WRITE_KILL_PRIV$|DEV_IOC_MAGIC|INIT_INFO_MAX|INIT_RESERVED/;

t.test('constants', async (t) => {
  for (const line of constantLines) {
    const [name = '', value = ''] = line.split(' ');
    const short = name.replace(/^FUSE_/, '');
    const notification = notifications.find((row) => name === `FUSE_NOTIFY_${row.name}`);
    const operation = (operations as { [name: string]: { opcode: number } })[short];
    const found = exported[name] ?? notification?.code ?? operation?.opcode;
    if (found === undefined && UNUSED.test(name)) continue;
    t.equal(BigInt((found as number) ?? -1), BigInt(value), name);
  }
  t.equal(protocol.FUSE_INIT_RESERVED, 1n << 31n);
  t.equal(SWAPPED_INIT_OPCODE, operations.INIT.opcode << 24);
});
