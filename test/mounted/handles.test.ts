// File handles (name_to_handle_at, open_by_handle_at): of the object that they were made for, whatever has moved, or ESTALE.

import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import t from 'tap';
import { mountTest, must, sh } from './support.ts';

const NUMBERS: Record<string, [number, number]> = { x64: [303, 304], arm64: [264, 265] };
const [MAKE, OPEN] = NUMBERS[process.arch] ?? [0, 0];

/** The handle of a path, as text. */
const handleOf = (path: string): string =>
  must('perl', [
    '-e',
    `my $h = pack('Ii', 128, 0) . "\\0" x 128; my $id = pack('i', 0);
    syscall(${MAKE}, -100, $ARGV[0] . "\\0", $h, $id, 0) == 0 or die "$ARGV[0]: $!";
    print unpack('H*', substr($h, 0, 8 + unpack('I', $h)));`,
    path,
  ]);

/** What handles open: \`inode content\`, or the errno's name. */
const opened = (mnt: string, handles: string[]): string[] =>
  must('perl', [
    '-MErrno',
    '-e',
    `open(my $m, '<', shift) or die;
    for (@ARGV) {
      my $h = pack('H*', $_);
      my $fd = syscall(${OPEN}, fileno($m), $h, 0);
      if ($fd < 0) { print((grep { $!{$_} } qw(ESTALE ENOENT EIO EACCES)) ? (grep { $!{$_} } qw(ESTALE ENOENT EIO EACCES))[0] : $!, "\\n"); next }
      open(my $f, '<&=', $fd) or die;
      my $ino = (stat $f)[1];
      my $text = -d _ ? readlink("/proc/self/fd/$fd") : <$f>;
      chomp $text;
      print "$ino $text\\n";
    }`,
    mnt,
    ...handles,
  ]).split('\n');

/** The kernel forgets what nobody uses; what is under way meanwhile it may keep once. */
function dropCaches(): void {
  sh('sync; echo 3 >/proc/sys/vm/drop_caches; echo 2 >/proc/sys/vm/drop_caches');
}

function prepare({ upper, lower: [lower] }: { upper: string; lower: string[] }): void {
  mkdirSync(`${lower}/d/e`, { recursive: true });
  writeFileSync(`${lower}/d/e/low`, 'low\n');
  writeFileSync(`${lower}/d/two`, 'two\n');
  linkSync(`${lower}/d/two`, `${lower}/d/e/two`);
  mkdirSync(`${upper}/d`);
  writeFileSync(`${upper}/d/up`, 'up\n');
}

const root = true;
if (MAKE === 0) t.comment(`numbers of the system calls are not known for ${process.arch}`);

for (const handles of ['forget', 'keep']) {
  for (const cache of ['none', 'shared']) {
    await mountTest(
      t,
      `handles follow their objects: handles=${handles}, cache=${cache}`,
      { root, prepare, needs: ['perl'], options: `cache=${cache},handles=${handles}` },
      async (t, m) => {
        const { mnt } = m;
        const paths = ['d/e/low', 'd/up', 'd/two', 'd', 'd/e', ''];
        const made = paths.map((path) => handleOf(`${mnt}/${path}`));
        const numbers = paths.map((path) => lstatSync(`${mnt}/${path}`, { bigint: true }).ino);
        const expect = (texts: string[], what: string) =>
          t.same(
            opened(mnt, made),
            texts.map((text, i) => (text === 'ESTALE' ? text : `${numbers[i]} ${text}`)),
            what,
          );
        const after = (texts: string[]) =>
          handles === 'keep' ? texts : texts.map((_, i) => (i < 5 ? 'ESTALE' : texts[i]) as string);
        expect(['low', 'up', 'two', `${mnt}/d`, `${mnt}/d/e`, mnt], 'at first');
        writeFileSync(`${mnt}/d/e/low`, 'copied up\n');
        writeFileSync(`${mnt}/d/e/two`, 'by another name\n');
        renameSync(`${mnt}/d/up`, `${mnt}/moved`);
        renameSync(`${mnt}/d/e`, `${mnt}/f`);
        const now = ['copied up', 'up', 'by another name', `${mnt}/d`, `${mnt}/f`, mnt];
        expect(now, 'copied up and renamed');
        dropCaches();
        expect(after(now), 'the kernel has forgotten them');
        t.equal(readFileSync(`${mnt}/f/low`, 'utf8'), 'copied up\n', 'looked up again');
        // Without `keep` what is looked up again is another node, whose handles are others.
        expect(after(now), 'and has looked one up again');
        unlinkSync(`${mnt}/f/low`);
        unlinkSync(`${mnt}/f/two`);
        rmdirSync(`${mnt}/f`);
        writeFileSync(`${mnt}/f`, 'another');
        writeFileSync(`${mnt}/moved2`, 'replaces\n');
        renameSync(`${mnt}/moved2`, `${mnt}/moved`);
        const last = ['ESTALE', 'ESTALE', 'by another name', `${mnt}/d`, 'ESTALE', mnt];
        expect(after(last), 'removed and replaced');
        dropCaches();
        expect(after(last), 'and forgotten');
        await m.remount();
        const others = opened(mnt, made.slice(0, 5));
        t.same(others, Array(5).fill('ESTALE'), 'the next mount knows none of them');
      },
    );
  }
}

await mountTest(
  t,
  'what other hosts do to kept objects',
  { root, prepare, needs: ['perl'], options: 'cache=none,handles=keep' },
  (t, { mnt, upper, lower: [lower] }) => {
    const made = ['d/e/low', 'd/up', 'd/two'].map((path) => handleOf(`${mnt}/${path}`));
    dropCaches();
    unlinkSync(`${lower}/d/e/low`);
    unlinkSync(`${upper}/d/up`);
    writeFileSync(`${upper}/d/in-between`, 'takes the number that is free\n');
    writeFileSync(`${upper}/d/up`, 'another file of that name\n');
    t.same(opened(mnt, made).slice(0, 2), ['ESTALE', 'ESTALE'], 'never another file');
    t.match(opened(mnt, made)[2], / two$/);
  },
);

await mountTest(
  t,
  'numbers are not given to a second object',
  { root, needs: ['perl'], options: 'cache=none,handles=keep', backing: 'ext4' },
  (t, { mnt }) => {
    const made: string[] = [];
    const numbers = new Set<number>();
    for (let i = 0; i < 50; i++) {
      writeFileSync(`${mnt}/f`, `${i}`);
      numbers.add(lstatSync(`${mnt}/f`).ino);
      made.push(handleOf(`${mnt}/f`));
      unlinkSync(`${mnt}/f`);
    }
    t.ok(numbers.size < 50, 'the storage has given inode numbers again');
    t.equal(new Set(made).size, 50);
    writeFileSync(`${mnt}/f`, 'the last');
    t.same(opened(mnt, made), Array(50).fill('ESTALE'));
    t.match(opened(mnt, [handleOf(`${mnt}/f`)])[0], / the last$/);
  },
);

await mountTest(
  t,
  'a full table of kept objects takes new ones',
  { root, options: 'handles=keep,inode-memory=2M' },
  (t, { mnt, upper }) => {
    // More than there is room for; the kernel has forgotten most of them.
    const failed: string[] = [];
    const take = (name: string, make: () => void) => {
      try {
        make();
      } catch (error) {
        failed.push(`${name}: ${(error as NodeJS.ErrnoException).code}`);
      }
    };
    mkdirSync(`${mnt}/d`);
    for (let i = 0; i < 9000; i++) {
      const name = `${mnt}/d/${i}`;
      take(name, () => writeFileSync(name, ''));
      if (i % 1000 === 999) dropCaches();
    }
    for (let i = 0; i < 3000; i++) {
      take(`moved ${i}`, () => renameSync(`${mnt}/d/${i}`, `${mnt}/d/moved-to-a-longer-name-${i}`));
      if (i % 1000 === 999) dropCaches();
    }
    t.same(failed, []);
    t.equal(readdirSync(`${upper}/d`).length, 9000);
  },
);

await mountTest(
  t,
  'numbers that another host gives to a second object',
  {
    root,
    needs: ['perl'],
    options: 'cache=none,handles=keep',
    backing: 'ext4',
    prepare: ({ lower: [lower] }) => writeFileSync(`${lower}/x`, 'secret\n', { mode: 0o600 }),
  },
  (t, { mnt, lower: [lower] }) => {
    const made = handleOf(`${mnt}/x`);
    const { ino } = lstatSync(`${lower}/x`);
    dropCaches();
    unlinkSync(`${lower}/x`);
    // The storage gives the lowest free number of the directory's group again.
    let names = 0;
    do writeFileSync(`${lower}/y${names}`, 'another\n');
    while (lstatSync(`${lower}/y${names}`).ino !== ino && names++ < 100);
    t.equal(lstatSync(`${lower}/y${names}`).ino, ino, 'the storage has given the number again');
    t.equal(readFileSync(`${mnt}/y${names}`, 'utf8'), 'another\n');
    t.same(opened(mnt, [made]), ['ESTALE']);
    t.match(opened(mnt, [handleOf(`${mnt}/y${names}`)])[0], / another$/);
    renameSync(`${lower}/y${names}`, `${lower}/x`);
    t.same(opened(mnt, [made]), ['ESTALE'], 'also by the name of the first');
  },
);
