// A symlink that another host replaces while it is known here: the old one's node never shows the new one's target.

import {
  lstatSync,
  readFileSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import t from 'tap';
import { errnoName } from '../../protocol/errno.ts';
import { AT_FDCWD, O_NOFOLLOW, O_PATH } from '../../src/sys/constants.ts';
import { cstring, EMPTY } from '../../src/sys/cstring.ts';
import { close, openat } from '../../src/sys/fd.ts';
import { readlinkat } from '../../src/sys/path.ts';
import { hostsTest } from './hosts.ts';
import { mountTest, outcome } from './support.ts';

const NAMES = ['replaced', 'swapped', 'file', 'removed', 'moved', 'kept'];

/** The target by a descriptor of the symlink itself, or the errno's name. */
function targetOf(fd: number): string {
  const bytes = new Uint8Array(4096);
  const length = readlinkat(fd, EMPTY, bytes, bytes.length);
  return length < 0 ? errnoName(-length) : Buffer.from(bytes.subarray(0, length)).toString('latin1');
}

for (const storage of ['old', 'new'] as const) {
  for (const cache of ['shared', 'exclusive']) {
    await mountTest(
      t,
      `symlinks on the ${storage} storage that are replaced while their names are believed, cache=${cache}`,
      {
        options: `cache=${cache}`,
        prepare: ({ upper, lower: [lower] }) => {
          for (const name of NAMES) symlinkSync(`of ${name}`, `${storage === 'old' ? lower : upper}/${name}`);
        },
      },
      (t, m) => {
        const layer = storage === 'old' ? (m.lower[0] as string) : m.upper;
        const fds = NAMES.map((name) => openat(AT_FDCWD, cstring(`${m.mnt}/${name}`), O_PATH | O_NOFOLLOW));
        t.teardown(() => fds.map(close));
        t.ok(fds.every((fd) => fd >= 0));
        symlinkSync('another', `${layer}/new`);
        renameSync(`${layer}/new`, `${layer}/replaced`);
        unlinkSync(`${layer}/swapped`);
        symlinkSync('another, of the same name', `${layer}/swapped`);
        unlinkSync(`${layer}/file`);
        writeFileSync(`${layer}/file`, 'a file');
        unlinkSync(`${layer}/removed`);
        renameSync(`${layer}/moved`, `${layer}/elsewhere`);
        t.same(
          fds.map(targetOf),
          [...Array(5).fill('ESTALE'), 'of kept'],
          'by descriptors of the old ones, which nobody has any more',
        );
        t.same(
          NAMES.map((name) => outcome(() => readlinkSync(`${m.mnt}/${name}`))),
          ['another', 'another, of the same name', 'EINVAL', 'ENOENT', 'ENOENT', 'of kept'],
          'by their names, which are looked up again',
        );
        t.equal(readlinkSync(`${m.mnt}/elsewhere`), 'of moved');
        t.ok(lstatSync(`${layer}/kept`).isSymbolicLink(), 'nothing has moved');
      },
    );
  }
}

const NUMBERS: Record<string, number> = { x64: 267, arm64: 78 };

/** Reads a symlink by a descriptor, which the kernel does not look up again, and by its name. */
const READ = `perl -MErrno -MFcntl -e '
  sysopen(my $l, "l", ${O_PATH | O_NOFOLLOW}) or die "$!\\n";
  my ($empty, $to) = ("\\0", " " x 100);
  my $n = syscall(${NUMBERS[process.arch]}, fileno $l, $empty, $to, 100);
  print $n < 0 ? $!{ESTALE} ? "ESTALE" : $! : substr($to, 0, $n), ", ", readlink "l"' >`;

await hostsTest(
  t,
  'a symlink that another host replaces just when it has been found here',
  {
    needs: ['perl'],
    prepare: ({ lower: [lower] }) => symlinkSync('old', `${lower}/l`),
  },
  async (t, m) => {
    const stopped = m.a.faults.pause('object.found');
    const reader = m.a.run(`${READ} ../read`);
    const there = await stopped();
    t.equal(await m.b.run('ln -s new n; mv -T n l'), 'ok');
    there.go();
    t.equal(await reader, 'ok');
    t.equal(readFileSync(`${m.dir}/read`, 'latin1'), 'ESTALE, new');
  },
);
