// Storages that do not belong together, or not in these roles, are refused before anything is done.
import t from 'tap';
import { type Case, Sandbox } from './sandbox.ts';

const sandbox = new Sandbox();

const M = 'migratefs -o lowerdir=old,upperdir=new';
const BACK = 'migratefs -o lowerdir=new,upperdir=old';
const ONCE = `${M} mnt 2>/dev/null; umount mnt; within '[ -z "$(daemons)" ]'`;

interface Pairing extends Case {
  readonly name: string;
  readonly prints: RegExp;
  readonly says?: RegExp;
}

// biome-ignore format: a table
const CASES: Pairing[] = [
  { name: 'the records: whole, the daemon\'s alone, and no time of a root has changed', script: `touch -d 2001-02-03 old; ${ONCE}; stat -c '%a %u' old/.migratefs/pair new/.migratefs/pair; stat -c %y old | cut -c1-10; ls old/.migratefs/work new/.migratefs/work | grep -c pair; cut -d, -f1 old/.migratefs/pair new/.migratefs/pair; cut -d, -f2 old/.migratefs/pair new/.migratefs/pair | uniq | wc -l`,
    prints: /^600 0\n600 0\n2001-02-03\n0\n\{"role":"lower"\n\{"role":"upper"\n1\n$/ },
  { name: 'a new storage that is not mounted', setup: `mount -t tmpfs t new; ${ONCE}; within 'umount new 2>/dev/null'`, script: `${M} mnt; echo $?; ls -A new; mount -t tmpfs t new; ${M} mnt; echo $?; umount new`,
    prints: /^1\n1\n$/, says: /upperdir "\S+\/new" is not the new storage that lowerdir "\S+\/old" has been mounted with \(of the same path\): is it mounted\?/ },
  { name: 'one that is mounted again', setup: `truncate -s 64M img; mkfs.ext4 -q img; mount img new; ${ONCE}; within 'umount new 2>/dev/null'`, script: `mount img new; ${M} mnt 2>/dev/null; echo $?; umount mnt; within 'umount new 2>/dev/null'`, prints: /^0\n$/ },
  { name: 'another one, which is to take its place', setup: `mkdir other; ${ONCE}`, script: `migratefs -o lowerdir=old,upperdir=other mnt; echo $?; rm old/.migratefs/pair; migratefs -o lowerdir=old,upperdir=other mnt 2>/dev/null; echo $?; umount mnt`,
    prints: /^1\n0\n$/, says: /mounted with \("\S+\/new"\).*remove "\S+\/old\/.migratefs\/pair"$/m },
  { name: 'another one of two old storages', setup: `mkdir old2 new2; ${ONCE}; migratefs -o lowerdir=old2,upperdir=new2 mnt 2>/dev/null; umount mnt`, script: 'migratefs -o lowerdir=old:old2,upperdir=new mnt; echo $?', prints: /^1\n$/, says: /lowerdir "\S+\/old2" has been mounted with \("\S+\/new2"\)/ },
  { name: 'one more old storage', setup: `mkdir old2; ${ONCE}`, script: 'migratefs -o lowerdir=old:old2,upperdir=new mnt 2>/dev/null; echo $?; umount mnt; cmp old/.migratefs/pair old2/.migratefs/pair', prints: /^0\n$/ },
  { name: 'exchanged', setup: ONCE, script: `${BACK} mnt; echo $?; rm old/.migratefs/pair; ${BACK} mnt; echo $?; rm new/.migratefs/pair; ${BACK} mnt 2>/dev/null; echo $?; umount mnt; cut -d, -f1 old/.migratefs/pair new/.migratefs/pair`,
    prints: /^1\n1\n0\n\{"role":"upper"\n\{"role":"lower"\n$/, says: /^.*lowerdir "\S+\/new" has been mounted as a new storage.*remove "\S+\/old\/.migratefs\/pair" and "\S+\/new\/.migratefs\/pair", and mount again\n.*lowerdir "\S+\/new" has been mounted as a new/ },
  { name: 'exchanged, with one record left', setup: ONCE, script: `rm new/.migratefs/pair; ${BACK} mnt; echo $?`, prints: /^1\n$/, says: /upperdir "\S+\/old" has been mounted as an old storage/ },
  { name: 'exchanged while it is mounted', script: `mkdir mnt2; ${M} mnt 2>/dev/null; within 'ls new/.migratefs/alive/* >/dev/null 2>&1'; rm old/.migratefs/pair new/.migratefs/pair; ${BACK} mnt2; echo $?; umount mnt; within '[ -z "$(daemons)" ]'; ${BACK} mnt2 2>/dev/null; echo $?; umount mnt2`,
    prints: /^1\n0\n$/, says: /lowerdir "\S+\/new" is mounted as the new storage by process \d+ of \S+: unmount it there/ },
  { name: 'exchanged after a crash', script: `${M} mnt 2>/dev/null; within 'ls new/.migratefs/alive/* >/dev/null 2>&1'; kill -9 $(daemons); within '[ -z "$(daemons)" ]'; umount -l mnt; rm old/.migratefs/pair new/.migratefs/pair; ${BACK} mnt 2>/dev/null; echo $?; umount mnt`, prints: /^0\n$/ },
  { name: 'read only: looked at, and nothing written', setup: 'mkdir other', script: `${M},ro mnt 2>/dev/null; umount mnt; ls -A old new; ${ONCE}; migratefs -o lowerdir=old,upperdir=other,ro mnt; echo $?; ${M},ro mnt 2>/dev/null; echo $?; umount mnt`, prints: /^new:\n\nold:\n1\n0\n$|^old:\n\nnew:\n1\n0\n$/, says: /is it mounted\?/ },
  { name: 'an old storage that cannot be written to', script: `mount --bind old old; mount -o remount,bind,ro old; ${M} mnt 2>/dev/null; echo $?; umount mnt; ls -A old; ${M} mnt 2>/dev/null; echo $?; umount mnt; within 'umount old 2>/dev/null'`, prints: /^0\n0\n$/ },
  { name: 'a record that is none', setup: `${ONCE}; echo '{"role":' > old/.migratefs/pair`, script: `${M} mnt; echo $?`, prints: /^1\n$/, says: /"\S+\/old\/.migratefs\/pair" is no such record; look at it/ },
  { name: 'many mounts at the same moment', script: `for i in 1 2 3 4; do mkdir m$i; ${M} m$i 2>/dev/null & p="$p $!"; done; for i in $p; do wait $i; echo $?; done; umount m1 m2 m3 m4; cut -d, -f2 old/.migratefs/pair new/.migratefs/pair | uniq | wc -l`, prints: /^0\n0\n0\n0\n1\n$/ },
  { name: 'as a user', user: true, setup: `as_user mkdir other; ${M} mnt 2>/dev/null; as_user fusermount3 -u mnt; within '[ -z "$(daemons)" ]'`, script: `migratefs -o lowerdir=old,upperdir=other mnt; echo $?; ${BACK} mnt; echo $?; ${M} mnt 2>/dev/null; echo $?; as_user fusermount3 -u mnt; stat -c %u old/.migratefs/pair`, prints: /^1\n1\n0\n65534\n$/, says: /is it mounted\?/ },
];

for (const { name, prints, says, ...it } of CASES) {
  sandbox.test(t, name, it.user === true, async (t) => {
    const outcome = await sandbox.run(it);
    t.match(outcome.stdout, prints, 'standard output');
    t.match(outcome.stderr, says ?? /^$/, 'standard error');
    t.same(outcome.mounts, [], 'nothing mounted');
    t.same(outcome.left, [], 'no process left');
  });
}
