// Storages that are not mounted, or that have changed places while another mount has them the right way round, are refused before anything moves.
import t from 'tap';
import { type Case, Sandbox } from './sandbox.ts';

const sandbox = new Sandbox();

const M = 'migratefs -o lowerdir=old,upperdir=new';
const BACK = 'migratefs -o lowerdir=new,upperdir=old';
const LIVES = `within 'ls new/.migratefs/alive/* >/dev/null 2>&1'`;

interface Roles extends Case {
  readonly name: string;
  readonly prints: RegExp;
  readonly says?: RegExp;
}

// biome-ignore format: a table
const CASES: Roles[] = [
  { name: 'exchanged while it is mounted', script: `mkdir mnt2; ${M} mnt 2>/dev/null; ${LIVES}; ${BACK} mnt2; echo $?; umount mnt; within '[ -z "$(daemons)" ]'; ${BACK} mnt2 2>/dev/null; echo $?; umount mnt2`,
    prints: /^1\n0\n$/, says: /lowerdir "\S+\/new" is mounted as the new storage by process \d+ of \S+, or was when that ended: unmount it there.*remove "\S+\/new\/.migratefs\/alive\// },
  { name: 'exchanged after a crash', script: `${M} mnt 2>/dev/null; ${LIVES}; kill -9 $(daemons); within '[ -z "$(daemons)" ]'; umount -l mnt; ${BACK} mnt 2>/dev/null; echo $?; umount mnt`, prints: /^0\n$/ },
  { name: 'read only, nothing moves', script: `mkdir mnt2; ${M} mnt 2>/dev/null; ${LIVES}; ${BACK},ro mnt2 2>/dev/null; echo $?; umount mnt2 mnt`, prints: /^0\n$/ },
  { name: 'a new storage that is not mounted', script: 'migratefs -o lowerdir=old,upperdir=/etc,mounted-layers mnt; echo $?; ls -d /etc/.migratefs 2>/dev/null', prints: /^1\n$/, says: /upperdir \/etc lies on the file system of \/.*mounted-layers.*mount the storage there/ },
  { name: 'an old one', setup: 'mount -t tmpfs t new', script: 'migratefs -o lowerdir=/etc,upperdir=new,mounted-layers mnt; echo $?; umount new', prints: /^1\n$/, says: /lowerdir \/etc lies on the file system of \// },
  { name: 'both are mounted', setup: 'mount -t tmpfs t new; mount -t tmpfs t old', script: `${M},mounted-layers mnt 2>/dev/null; echo $?; umount mnt; within 'umount new old 2>/dev/null'`, prints: /^0\n$/ },
];

for (const { name, prints, says, ...it } of CASES) {
  sandbox.test(t, name, false, async (t) => {
    const outcome = await sandbox.run(it);
    t.match(outcome.stdout, prints, 'standard output');
    t.match(outcome.stderr, says ?? /^$/, 'standard error');
    t.same(outcome.mounts, [], 'nothing mounted');
    t.same(outcome.left, [], 'no process left');
  });
}
