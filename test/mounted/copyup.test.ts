// Copy-up through a real kernel: what is big, sparse, deep, labelled or being read.

import { createHash } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  fstatSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
  writeSync,
} from 'node:fs';
import t from 'tap';
import { SEEK_DATA, SEEK_HOLE } from '../../src/sys/constants.ts';
import { lseek } from '../../src/sys/fd.ts';
import { describe, isRoot, mountTest, outcome, sh, treeDigest, whereIs, xattrsOf } from './support.ts';

const GB = 2 ** 30;

/** Where a file's data lies. */
function segments(path: string): [number, number][] {
  const fd = openSync(path, 'r');
  const found: [number, number][] = [];
  for (let at = 0; ; ) {
    const data = Number(lseek(fd, at, SEEK_DATA));
    if (data < 0) break;
    at = Number(lseek(fd, data, SEEK_HOLE));
    found.push([data, at]);
  }
  closeSync(fd);
  return found;
}

function hashes(path: string, data: [number, number][]): string[] {
  const fd = openSync(path, 'r');
  const found = data.map(([from, to]) => {
    const bytes = Buffer.alloc(to - from);
    readSync(fd, bytes, 0, bytes.length, from);
    return createHash('sha256').update(bytes).digest('hex');
  });
  closeSync(fd);
  return found;
}

/** Sparse: 1 GB, of which some pieces are there. */
const sparse = `truncate -s 1G big; for at in 0 100 511 800 1023; do
  dd if=/dev/urandom of=big bs=64k count=3 seek=$((at * 16)) conv=notrunc status=none; done; truncate -s 1G big`;

for (const backing of ['ext4', 'xfs', 'tmpfs', 'btrfs'] as const) {
  const prepare = ({ lower: [dir] }: { lower: string[] }) => void sh(sparse, { cwd: dir as string });
  const name = `1 GB with holes stays sparse on ${backing}`;
  await mountTest(t, name, { backing, prepare, size: '3G' }, (t, m) => {
    const source = `${m.lower[0]}/big`;
    const { blocks } = statSync(source);
    const data = segments(source);
    const pieces = hashes(source, data);
    t.ok(blocks < 8192, 'sparse to begin with');
    const started = performance.now();
    closeSync(openSync(`${m.mnt}/big`, 'r+'));
    t.ok(performance.now() - started < 5000, 'holes cost no time');
    const copy = `${m.upper}/big`;
    t.equal(whereIs(m, 'big'), 'upper');
    t.equal(statSync(copy).size, GB);
    t.ok(Math.abs(statSync(copy).blocks - blocks) <= 256, `${statSync(copy).blocks} blocks of ${blocks}`);
    t.same(segments(copy), data, 'the same data segments');
    t.same(segments(`${m.mnt}/big`), data, 'and through the mount');
    t.same(hashes(copy, data), pieces, 'the same data');
    t.match(m.log(), /event=migrated .*big/, 'logged');
  });
}

await mountTest(
  t,
  'setuid, sticky and nanoseconds survive',
  {
    prepare: ({ lower: [dir] }) =>
      void sh(
        `for m in 4755 2755 6711 1666 0000 0400; do printf $m >$m; chmod $m $m; done
         touch -d '1969-12-31 23:59:58.5 UTC' 4755; touch -d '2105-01-01 00:00:00.999999999 UTC' 2755
         touch -a -d '2011-11-11 11:11:11.000000001 UTC' 6711`,
        { cwd: dir as string },
      ),
  },
  (t, m) => {
    const [lower = ''] = m.lower;
    for (const name of readdirSync(lower)) {
      if (!isRoot && /^0/.test(name)) continue;
      const before = describe(`${lower}/${name}`);
      const { atimeNs } = statSync(`${lower}/${name}`, { bigint: true });
      closeSync(openSync(`${m.mnt}/${name}`, 'r+'));
      t.equal(whereIs(m, name), 'upper');
      t.equal(statSync(`${m.upper}/${name}`, { bigint: true }).atimeNs, atimeNs, `${name}: access time`);
      t.same(describe(`${m.upper}/${name}`), before, name);
    }
  },
);

await mountTest(
  t,
  'a file under 100 levels comes up with its directories as they were',
  {
    prepare: ({ lower: [dir] }) =>
      void sh(
        `deep=$(printf 'level%s/' {1..100}); mkdir -p "$deep"; echo x >"$deep/file"; echo y >"$deep/other"
         at=.; for i in {1..100}; do at=$at/level$i; chmod $((700 + i % 8)) $at; setfattr -n user.n -v $i $at; done
         find . -exec touch -d '2002-02-02 02:02:02.222222222 UTC' {} +`,
        { cwd: dir as string },
      ),
  },
  (t, m) => {
    const deep = Array.from({ length: 100 }, (_, i) => `level${i + 1}`).join('/');
    const [lower = ''] = m.lower;
    const before = treeDigest(lower, { directoryTimes: true });
    sh('exec 3>>"$1"', { args: [`${m.mnt}/${deep}/file`] });
    t.equal(whereIs(m, `${deep}/file`), 'upper');
    t.equal(whereIs(m, `${deep}/other`), 'lower');
    const above = treeDigest(m.upper);
    for (const [name, was] of Object.entries(before)) {
      if (name === '.' || name.endsWith('/other')) continue;
      t.same(above[name], was.type === 'dir' ? { ...was, mtime: undefined } : was);
    }
    t.same(
      treeDigest(m.mnt),
      Object.fromEntries(
        Object.entries(before).map(([name, was]) => [
          name,
          was.type === 'dir' ? { ...was, mtime: undefined } : was,
        ]),
      ),
    );
  },
);

await mountTest(
  t,
  'a reader from before the copy-up sees what is written after it',
  {
    prepare: ({ lower: [dir] }) => void sh('printf 0123456789 >a; seq 100000 >long', { cwd: dir as string }),
  },
  async (t, m) => {
    const reader = openSync(`${m.mnt}/a`, 'r');
    const piece = Buffer.alloc(10);
    t.equal(readSync(reader, piece, 0, 4, null), 4);
    const ino = fstatSync(reader).ino;
    const writer = openSync(`${m.mnt}/a`, 'r+');
    writeSync(writer, 'ABCDEFGHIJKLM', 0);
    t.equal(readSync(reader, piece, 0, 10, null), 9, 'from where it was');
    t.equal(piece.toString('latin1', 0, 9), 'EFGHIJKLM');
    t.equal(fstatSync(reader).size, 13);
    t.equal(fstatSync(reader).ino, ino, 'the number stays');
    t.equal(statSync(`${m.mnt}/a`).ino, ino);
    ftruncateSync(writer, 2);
    t.equal(readSync(reader, piece, 0, 10, 0), 2);
    closeSync(writer);
    closeSync(reader);

    const stream = createReadStream(`${m.mnt}/long`, { highWaterMark: 4096 });
    let text = '';
    for await (const chunk of stream) {
      if (text === '') sh('echo end >>"$1"', { args: [`${m.mnt}/long`] });
      text += chunk;
    }
    t.equal(text, `${sh('seq 100000')}\nend\n`);
    t.equal(whereIs(m, 'long'), 'upper');
  },
);

await mountTest(
  t,
  'from xfs to ext4: ACLs are translated, their native form is not carried over',
  {
    backing: 'xfs',
    upperBacking: 'ext4',
    prepare: ({ lower: [dir] }) => void sh('echo x >a; setfacl -m u:7:rw a', { cwd: dir as string }),
  },
  (t, m) => {
    const before = describe(`${m.lower[0]}/a`);
    sh('exec 3>>a', { cwd: m.mnt });
    t.equal(whereIs(m, 'a'), 'upper');
    t.same(describe(`${m.upper}/a`), before);
    t.equal(sh('getfattr -d -m trusted a', { cwd: m.upper }), '');
  },
);

await mountTest(
  t,
  'an attribute that the new storage cannot hold stops the copy, which leaves nothing',
  {
    // ext4 keeps xattrs in one block unless it has the ea_inode feature; xfs takes 64 KiB each.
    backing: 'xfs',
    upperBacking: 'ext4',
    prepare: ({ lower: [dir] }) =>
      void sh('echo x >a; setfattr -n user.big -v "$(head -c 20000 /dev/zero | tr "\\0" v)" a', {
        cwd: dir as string,
      }),
  },
  async (t, m) => {
    const before = treeDigest(m.lower[0] as string);
    t.match(
      outcome(() => openSync(`${m.mnt}/a`, 'a')),
      /^(ENOSPC|E2BIG)$/,
    );
    t.same(treeDigest(m.lower[0] as string), before);
    t.same(Object.keys(treeDigest(m.upper)), ['.']);
    t.equal(readFileSync(`${m.mnt}/a`, 'utf8'), 'x\n');
    t.equal(xattrsOf(`${m.mnt}/a`)['user.big']?.length, 40000);
  },
);
