// Defect 19: errors of the xattr calls were taken for lengths, huge ones.

import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { errnoName } from '../../protocol/errno.ts';
import { XATTR_CREATE, XATTR_REPLACE } from '../../src/sys/constants.ts';
import { cstring } from '../../src/sys/cstring.ts';
import { lgetxattr, llistxattr, lremovexattr, lsetxattr } from '../../src/sys/xattr.ts';
import { isAlive, mountTest, sh } from './support.ts';

const bytes = new Uint8Array(1 << 17);
const value = (length: number): Uint8Array => new Uint8Array(length).fill(0x61);
const shown = (result: number): string => (result < 0 ? errnoName(-result) : `${result}`);

/** Answers of every kind, of an object without user attributes; it has none afterwards. */
function ask(file: string): Record<string, string> {
  const path = cstring(file);
  const get = (name: string, size: number) => shown(lgetxattr(path, cstring(name), bytes, size));
  const set = (name: string, length: number, flags = 0) =>
    shown(lsetxattr(path, cstring(name), value(length), length, flags));
  const list = (size: number) => shown(llistxattr(path, bytes, size));
  const remove = (name: string) => shown(lremovexattr(path, cstring(name)));
  const acl = 'system.posix_acl_access';
  return {
    'get none': get('user.none', 100),
    'size of none': get('user.none', 0),
    'remove none': remove('user.none'),
    'replace none': set('user.none', 3, XATTR_REPLACE),
    'list of none': list(100),
    create: set('user.a', 20, XATTR_CREATE),
    'create again': set('user.a', 3, XATTR_CREATE),
    replace: set('user.a', 30, XATTR_REPLACE),
    get: get('user.a', 100),
    'get its size': get('user.a', 0),
    'get exactly': get('user.a', 30),
    'get a byte short': get('user.a', 29),
    'get one byte': get('user.a', 1),
    'get into too much room': get('user.a', 100_000),
    'empty value': set('user.empty', 0),
    'get the empty value': get('user.empty', 10),
    list: list(1000),
    'list its size': list(0),
    'list a byte short': list(17),
    'list into one byte': list(1),
    'list into too much room': list(100_000),
    'unknown namespace, get': get('nonsense.a', 10),
    'unknown namespace, set': set('nonsense.a', 10),
    'unknown namespace, remove': remove('nonsense.a'),
    'no namespace': set('plain', 1),
    'empty name in a namespace': set('user.', 1),
    'a name of 255': set(`user.${'n'.repeat(250)}`, 5),
    'a name of 256': set(`user.${'n'.repeat(251)}`, 5),
    'get a name of 256': get(`user.${'n'.repeat(251)}`, 5),
    'a value of 64 KiB and more': set('user.big', 65_537),
    'an ACL that is none': set(acl, 7),
    'no ACL': get(acl, 100),
    'trusted, none': get('trusted.none', 100),
    trusted: set('trusted.a', 5),
    'trusted, size': get('trusted.a', 0),
    'capability, nonsense': set('security.capability', 3),
    'remove trusted': remove('trusted.a'),
    remove: remove('user.a'),
    'remove again': remove('user.a'),
    'remove empty': remove('user.empty'),
    'remove the long name': remove(`user.${'n'.repeat(250)}`),
    'list in the end': list(100),
  };
}

for (const backing of ['dir', 'tmpfs'] as const) {
  await mountTest(
    t,
    `19: xattr errnos are the layer’s own, ${backing}`,
    {
      root: true,
      backing,
      prepare: ({ lower: [lower], upper }) => {
        mkdirSync(`${lower}/merged`);
        for (const layer of [lower as string, upper]) {
          for (const suffix of ['', '-model']) {
            const name = `${layer === upper ? 'new' : 'old'}${suffix}`;
            writeFileSync(`${layer}/${name}`, 'content');
            mkdirSync(`${layer}/${name}-dir`);
            symlinkSync('content', `${layer}/${name}-link`);
            sh('mkfifo "$1"', { args: [`${layer}/${name}-fifo`] });
          }
        }
        mkdirSync(`${upper}/merged`);
      },
    },
    (t, m) => {
      const native = { old: m.lower[0] as string, new: m.upper };
      for (const age of ['old', 'new'] as const) {
        for (const kind of ['', '-dir', '-link', '-fifo']) {
          const model = ask(`${native[age]}/${age}-model${kind}`);
          t.same(ask(`${m.mnt}/${age}${kind}`), model, `${age}${kind}`);
          if (kind === '') {
            t.match(model, {
              'get none': 'ENODATA',
              'get a byte short': 'ERANGE',
              'list a byte short': 'ERANGE',
            });
            t.match(model, { 'unknown namespace, set': 'EOPNOTSUPP', 'a value of 64 KiB and more': 'E2BIG' });
          }
        }
      }
      t.same(ask(`${m.mnt}/merged`), ask(`${m.upper}/new-model-dir`), 'a merged directory');
      t.equal(readFileSync(`${m.lower[0]}/old`, 'utf8'), 'content', 'no file has moved for it');

      // Longer than a page, and as long as may be.
      for (const name of ['old', 'old-model']) {
        for (let i = 0; i < 40; i++) {
          const path = cstring(`${name === 'old' ? m.mnt : native.old}/${name}`);
          lsetxattr(
            path,
            cstring(`user.${String(i).padStart(3, '0')}${'n'.repeat(backing === 'tmpfs' ? 240 : 20)}`),
            value(8),
            8,
            0,
          );
        }
      }
      const [seen, model] = [cstring(`${m.mnt}/old`), cstring(`${native.old}/old-model`)];
      for (const size of [0, 1, 500, 4095, 4096, 4097, 65_536, 100_000]) {
        t.equal(
          llistxattr(seen, bytes, size),
          llistxattr(model, bytes, size),
          `a long list into ${size} bytes`,
        );
      }
      if (backing === 'tmpfs') {
        for (const length of [4096, 65_535, 65_536]) {
          t.equal(lsetxattr(seen, cstring('user.long'), value(length), length, 0), 0);
          for (const size of [0, 1, length - 1, length, 100_000]) {
            const got = lgetxattr(seen, cstring('user.long'), bytes, size);
            t.equal(
              shown(got),
              size === 0 || size >= length ? `${length}` : 'ERANGE',
              `${length} bytes into ${size}`,
            );
          }
        }
      }
      t.ok(isAlive(m.daemonPid));
    },
  );
}
