// A file that is replaced by rename(2) while others open and read it: each reads the old file or the new one, whole, with its own size.

import {
  appendFileSync,
  closeSync,
  existsSync,
  fchmodSync,
  fstatSync,
  futimesSync,
  linkSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import t from 'tap';
import { cstring } from '../../src/sys/cstring.ts';
import { getxattr, setxattr } from '../../src/sys/xattr.ts';
import { hostsTest, list } from './hosts.ts';
import { mountTest, sh, whereIs, xattrsOf } from './support.ts';

/** Files of one repeated letter, whose number tells the letter and the length. Readers count what is neither. */
const PROGRAM = `
use strict; use Fcntl ':seek';
my ($count, $readers) = @ARGV;
sub text { my $n = shift; return chr(65 + $n % 26) x (1000 + $n % 26 * 1300) }
sub put { my $n = shift; open my $f, '>', 'new' or die "new: $!"; print $f text($n); close $f or die "new: $!";
  rename 'new', 'file' or die "rename: $!" }
put(0) unless -e 'file';
my @pids;
for (1 .. $readers) {
  my $pid = fork; if ($pid) { push @pids, $pid; next }
  my $wrong = 0;
  until (-e 'stop') {
    open my $f, '<', 'file' or die "open: $!"; local $/; my $got = <$f>; my $size = -s $f;
    $wrong++ unless $got eq text(ord($got) - 65) && $size == length $got;
  }
  exit($wrong > 99 ? 99 : $wrong);
}
put($_) for 1 .. $count;
open my $stop, '>', 'stop'; close $stop;
for (@pids) { waitpid $_, 0; print $? == 0 ? "whole\\n" : "status $?\\n" }
`;

await mountTest(
  t,
  'who reads a file that is replaced all the time reads one of its contents, whole',
  {
    options: 'threads=8',
    needs: ['perl'],
    prepare: ({ lower: [a = ''] }) => writeFileSync(`${a}/file`, 'A'.repeat(1000)),
  },
  (t, m) => {
    t.equal(
      sh('perl -e "$1" 2000 3', { cwd: m.mnt, args: [PROGRAM], timeout: 100_000 }),
      'whole\nwhole\nwhole',
    );
  },
);

await mountTest(
  t,
  'a name that another host has given to another file while ours was known',
  { prepare: ({ upper }) => writeFileSync(`${upper}/file`, 'short') },
  (t, m) => {
    writeFileSync(`${m.upper}/other`, 'the longer content');
    t.equal(statSync(`${m.mnt}/file`).size, 5);
    renameSync(`${m.upper}/other`, `${m.upper}/file`);
    t.equal(readFileSync(`${m.mnt}/file`, 'latin1'), 'the longer content');
    t.equal(statSync(`${m.mnt}/file`).size, 18);
  },
);

/** The whole content, by the descriptor. */
function contentOf(fd: number): string {
  const bytes = Buffer.alloc(100);
  return bytes.toString('latin1', 0, readSync(fd, bytes, 0, bytes.length, 0));
}

for (const storage of ['old', 'new'] as const) {
  await mountTest(
    t,
    `who writes to what another host has put in a file's place, on the ${storage} storage, while the old one is read here`,
    {
      prepare: ({ upper, lower: [lower] }) => {
        const layer = storage === 'old' ? lower : upper;
        for (const name of ['appended', 'cut']) {
          writeFileSync(`${layer}/${name}`, 'old file');
          writeFileSync(`${layer}/${name}.new`, 'NEW FILE, longer');
        }
      },
    },
    (t, m) => {
      const layer = storage === 'old' ? (m.lower[0] as string) : m.upper;
      for (const name of ['appended', 'cut']) {
        const reader = openSync(`${m.mnt}/${name}`, 'r');
        t.equal(contentOf(reader), 'old file');
        renameSync(`${layer}/${name}.new`, `${layer}/${name}`);
        if (name === 'appended') appendFileSync(`${m.mnt}/${name}`, '!');
        else truncateSync(`${m.mnt}/${name}`, 3);
        const wanted = name === 'appended' ? 'NEW FILE, longer!' : 'NEW';
        t.equal(readFileSync(`${m.mnt}/${name}`, 'latin1'), wanted, `${name}, in the mount`);
        t.equal(readFileSync(`${m.upper}/${name}`, 'latin1'), wanted, `${name}, on the new storage`);
        t.notOk(existsSync(`${m.lower[0]}/${name}`));
        t.equal(contentOf(reader), 'old file', 'the reader has the file that it opened');
        closeSync(reader);
      }
    },
  );
}

for (const storage of ['old', 'new'] as const) {
  await mountTest(
    t,
    `an open file on the ${storage} storage whose name another host has given to another one`,
    {
      options: 'cache=exclusive',
      prepare: ({ upper, lower: [lower] }) => {
        const layer = storage === 'old' ? lower : upper;
        for (const name of ['file', 'other', 'linked.old', 'linked.new'])
          writeFileSync(`${layer}/${name}`, name, { mode: 0o644 });
      },
    },
    (t, m) => {
      const layer = storage === 'old' ? (m.lower[0] as string) : m.upper;
      const fd = openSync(`${m.mnt}/file`, 'r');
      renameSync(`${layer}/other`, `${layer}/file`);
      fchmodSync(fd, 0o600);
      futimesSync(fd, 1, 2);
      const value = Buffer.from('of the open one');
      const path = cstring(`/proc/self/fd/${fd}`);
      t.equal(setxattr(path, cstring('user.mark'), value, value.length, 0), 0);
      const { mode, mtimeMs } = statSync(`${layer}/file`);
      t.equal(mode & 0o777, 0o644, 'the other file keeps its mode');
      t.not(mtimeMs, 2000, 'and its times');
      t.same(xattrsOf(`${layer}/file`), {}, 'and its attributes');
      const own = fstatSync(fd);
      t.equal(own.mode & 0o777, 0o600);
      t.equal(own.mtimeMs, 2000);
      t.equal(contentOf(fd), 'file');
      const found = Buffer.alloc(100);
      t.equal(getxattr(path, cstring('user.mark'), found, found.length), value.length);
      closeSync(fd);
      statSync(`${m.mnt}/linked.old`);
      renameSync(`${layer}/linked.new`, `${layer}/linked.old`);
      linkSync(`${m.mnt}/linked.old`, `${m.mnt}/linked`);
      t.equal(readFileSync(`${layer}/linked`, 'latin1'), 'linked.new', 'a new link is of what has the name');
      t.equal(readFileSync(`${m.mnt}/linked`, 'latin1'), 'linked.new');
    },
  );
}

await hostsTest(
  t,
  'another host puts a FIFO in the place of a file that is about to replace an old one',
  {
    prepare: ({ upper, lower: [lower] }) => {
      writeFileSync(`${upper}/new`, 'new\n');
      writeFileSync(`${lower}/old`, 'old\n');
    },
  },
  async (t, m) => {
    const stopped = m.a.faults.pause('rename.hidden');
    const mover = m.a.run('mv -T new old');
    const there = await stopped();
    t.equal(await m.b.run('mkfifo pipe; mv -T pipe new'), 'ok');
    there.go();
    t.equal(await mover, 'ok', 'the FIFO, which has the name, replaces it');
    t.same(list(m.mnt), ['old']);
    t.ok(statSync(`${m.mnt}/old`).isFIFO());
    t.equal(whereIs(m, 'old'), 'upper', 'and hides nothing');
  },
);
