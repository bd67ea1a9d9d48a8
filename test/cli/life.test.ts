// A mount's life through the real command, in the background and in the foreground, as root and as a user: it comes, is
// what was asked for, and goes without leaving anything.
import { existsSync } from 'node:fs';
import t, { type Test } from 'tap';
import { type Case, type Outcome, Sandbox } from './sandbox.ts';

const sandbox = new Sandbox();

const M = 'migratefs -o lowerdir=old,upperdir=new';
const LIST = "grep ' fuse.migratefs ' /proc/self/mounts";
/** What a daemon without a system log says of its log; some hosts have one. */
const NOTICE = /^(migratefs: no system log here: the log goes to \S+\n)*$/;

interface Life extends Case {
  readonly name: string;
  /** Of the standard output. */
  readonly prints: RegExp;
  readonly says?: RegExp;
  readonly status?: number;
  /** A program without which it cannot be tried. */
  readonly needs?: string;
}

// biome-ignore format: a table
const CASES: Life[] = [
  { name: 'mounts, serves, is unmounted', script: `echo text > old/f; ${M} mnt && cat mnt/f && echo more > mnt/g && ls mnt && ${LIST} | sed "s:$PWD:DIR:g"; migratefs umount mnt; echo $?; cat new/g`,
    prints: /^text\nf\ng\nDIR\/new DIR\/mnt fuse\.migratefs rw,relatime,user_id=0,group_id=0,default_permissions,allow_other,max_read=\d+ 0 0\n0\nmore\n$/ },
  { name: 'source, as mount.fuse3 gives it', script: `migratefs 'my src' mnt -o rw,lowerdir=old,upperdir=new,dev,suid,_netdev; ${LIST} | cut -d' ' -f1; umount mnt`, prints: /^my\\040src\n$/ },
  { name: 'fsname comes before the source', script: `${M},fsname=a\\\\,b src mnt; ${LIST} | cut -d' ' -f1; umount mnt`, prints: /^a,b\n$/ },
  { name: 'ro and the flags of mount(8)', script: `${M},ro,nosuid,nodev,noexec,noatime mnt; ${LIST} | cut -d' ' -f4; touch mnt/x 2>/dev/null || echo refused; umount mnt`, prints: /^ro,nosuid,nodev,noexec,noatime,.*\nrefused\n$/ },
  { name: 'permissions=layer leaves the check to the layer', script: `${M},permissions=layer mnt; ${LIST}; umount mnt`, prints: /^(?!.*default_permissions).*\n$/ },
  { name: 'read-only upper with ro', setup: 'mount -t tmpfs -o ro t new; echo text > old/f', script: `${M},ro mnt && cat mnt/f; umount mnt`, prints: /^text\n$/ },
  { name: 'nonempty', script: `touch mnt/under; ${M},nonempty mnt && ls mnt; umount mnt; ls mnt`, prints: /^under\n$/ },
  { name: 'a mount point that another mount covers', script: `mount -t tmpfs t mnt; ${M} mnt && migratefs umount mnt; ${LIST}; stat -f -c %T mnt`, prints: /^tmpfs\n$/ },
  { name: 'the old path, while a bind mount keeps the old storage reachable', script: `mkdir kept; echo text > old/f; mount --bind old kept; migratefs -o lowerdir=kept,upperdir=new,nonempty old && cat old/f; umount old`, prints: /^text\n$/ },
  { name: 'paths with colons, commas, backslashes and blanks', script: `mkdir 'a:b' 'c\\d, e' 'm n'; echo text > 'a:b/f'; migratefs -o 'lowerdir=a\\:b,upperdir=c\\\\d\\, e' 'm n' && cat 'm n/f' && migratefs umount 'm n'`, prints: /^text\n$/ },
  { name: 'a symbolic link to the mount point', script: `ln -s mnt link; ${M} link && ${LIST} | sed "s:$PWD:DIR:g" | cut -d' ' -f2; migratefs umount link`, prints: /^DIR\/mnt\n$/ },
  { name: 'the daemon keeps nothing of its caller', script: `bash -c 'exec 200<log "$NODE" "$PROGRAM" -o lowerdir=old,upperdir=new mnt'; p=$(daemons); readlink /proc/$p/cwd /proc/$p/fd/0 /proc/$p/fd/1 /proc/$p/fd/2; ls -l /proc/$p/fd | grep -c " $PWD/log$"; ps -o sid= -p $p | tr -d ' ' | sed "s/^$p$/own session/"; grep Umask /proc/$p/status; umount mnt`,
    prints: /^\/\n(\/dev\/null\n){3}0\nown session\nUmask:\t0000\n$/ },
  { name: 'a caller without standard descriptors', script: `${M} mnt <&- >&- 2>&-; echo $?; umount mnt`, prints: /^0\n$/ },
  { name: 'a caller that waits for the end of our output', script: `out=$(${M} mnt 2>&1); echo done; umount mnt`, prints: /^done\n$/ },
  { name: 'busy', script: `${M} mnt; exec 9<mnt; migratefs umount mnt; echo $?; migratefs umount --lazy mnt; echo $?; ls mnt; exec 9<&-; within '[ -z "$(daemons)" ]'`, prints: /^1\n0\n$/, says: /^migratefs: mnt is in use: .*umount --lazy mnt$/m },
  { name: 'umount returns when the daemon is gone, and other daemons stay', script: `mkdir old2 new2 mnt2; migratefs -o lowerdir=old2,upperdir=new2 mnt2; ${M} mnt; migratefs umount mnt; echo $(daemons | wc -l); migratefs umount mnt2; echo $(daemons | wc -l)`, prints: /^1\n0\n$/ },
  { name: 'mount(8)', needs: '/usr/sbin/mount.fuse3', setup: `mkdir bin; printf '#!/bin/sh\nexec %s %s "$@"\n' "$NODE" "$PROGRAM" > bin/migratefs; chmod +x bin/migratefs; mount --bind bin /usr/local/sbin`,
    script: `mount -t fuse.migratefs -o "lowerdir=$PWD/old,upperdir=$PWD/new,user,exec,_netdev,nofail,x-y=1" 'my src' mnt; ${LIST} | cut -d' ' -f1,3,4; umount mnt`, prints: /^my\\040src fuse\.migratefs rw,nosuid,nodev,relatime,.*\n$/ },
  { name: 'fstab', needs: '/usr/sbin/mount.fuse3', setup: `mkdir bin; printf '#!/bin/sh\nexec %s %s "$@"\n' "$NODE" "$PROGRAM" > bin/migratefs; chmod +x bin/migratefs; mount --bind bin /usr/local/sbin`,
    script: `mv old 'o ld'; printf '%s\\n' "migratefs $PWD/mnt fuse.migratefs defaults,ro,noauto,_netdev,x-systemd.requires=/x,lowerdir=$PWD/o"'\\040'"ld,upperdir=$PWD/new 0 0" > fstab; mount -T fstab "$PWD/mnt"; ${LIST} | cut -d' ' -f1,4; umount mnt`, prints: /^migratefs ro,relatime,.*\n$/ },
  { name: 'umount -l', script: `${M} mnt; migratefs umount -l mnt; echo $?`, prints: /^0\n$/ },
  ...(['TERM', 'INT', 'HUP'] as const).map((signal) => ({ name: `SIG${signal}`, script: `${M} mnt; kill -${signal} $(daemons); within '[ $(mounted) = 0 ]'`, prints: /^$/ })),
  { name: 'SIGTERM while in use: detached, and the user is served to his end', script: `echo text > old/f; ${M} mnt; exec 9<mnt/f; kill -TERM $(daemons); within '[ $(mounted) = 0 ]'; cat <&9; exec 9<&-`, prints: /^text\n$/ },
  { name: 'foreground', script: `migratefs -f -o lowerdir=old,upperdir=new mnt & within '[ $(mounted) = 1 ]'; ls mnt; migratefs umount mnt; wait $!; echo $?`, prints: /^0\n$/, says: /^\S+ level=info event=mounted .*\n\S+ level=info event=unmounted .*\n$/ },
  { name: 'foreground, ended by a signal', script: `$NODE $PROGRAM -f -o lowerdir=old,upperdir=new mnt & within '[ $(mounted) = 1 ]'; ls mnt; kill -TERM $!; wait $!; echo $?`, prints: /^0\n$/, says: /^\S+ level=info event=mounted .*\n\S+ level=info event=unmounted .*\n$/ },
  { name: '-d shows every message', script: `migratefs -d -o lowerdir=old,upperdir=new mnt 2>said & within '[ $(mounted) = 1 ]'; ls mnt; umount mnt; wait $!; grep -c OPENDIR said`, prints: /^[1-9]\d*\n$/ },
  { name: 'log file', script: `${M} --log-file log/a,b mnt; ls log; kill -9 $(daemons); umount mnt`, prints: /^a,b\n$/ },
  { name: 'killed and in use: unmounted all the same', script: `${M} mnt; exec 9<mnt; kill -9 $(daemons); migratefs umount mnt; echo $?; mounted; true`, prints: /^0\n0\n$/ },
  { name: 'the daemon in ps', script: `mkdir 'm\nt'; mv old 'o\nl'; migratefs -o 'lowerdir=o\nl,upperdir=new' 'm\nt'; p=$(pgrep -x migratefs); tr '\\0' '\\n' < /proc/$p/cmdline | head -1 | sed "s:$PWD:DIR:g"; umount 'm\nt'`, prints: /^migratefs DIR\/m%0At \(DIR\/o%0Al -> DIR\/new\)\n$/ },
  { name: 'the log tells of the beginning and the end', script: `${M},threads=3 --log-file log/log mnt; umount mnt; within 'grep -q unmounted log/log'; cut -d' ' -f2- log/log | sed "s:$PWD:DIR:g"`,
    prints: /^level=info event=mounted version=\d+\.\d+\.\d+ mountpoint=DIR\/mnt lower=DIR\/old upper=DIR\/new options="?lowerdir=old,upperdir=new,threads=3"?\nlevel=info event=unmounted mountpoint=DIR\/mnt\n$/ },
  { name: 'the mark of a daemon in the environment', script: `MIGRATEFS_DAEMON=7 migratefs -o lowerdir=old,upperdir=new mnt; MIGRATEFS_DAEMON=3 migratefs -o lowerdir=old,upperdir=new mnt 2>/dev/null; mounted; umount mnt`, prints: /^1\n$/, says: /^migratefs: MIGRATEFS_DAEMON in the environment is not for users, and is ignored\n/ },
  { name: 'SIGUSR2 opens the log anew', script: `${M},log-file=log/x mnt; mv log/x log/y; kill -USR2 $(daemons); within '[ -e log/x ]'; umount mnt`, prints: /^$/ },
  { name: 'killed: the dead mount can be unmounted and mounted anew', script: `${M} mnt; kill -9 $(daemons); migratefs umount mnt; echo $?; ${M} mnt; echo $?; umount mnt`, prints: /^0\n0\n$/ },
  { name: 'killed with auto_unmount', script: `${M},auto_unmount mnt; kill -9 $(daemons); within '[ $(mounted) = 0 ]'`, prints: /^$/ },
  { name: 'unmounted with auto_unmount, with another mount beneath', script: `mount -t tmpfs t mnt; ${M},auto_unmount mnt; migratefs umount mnt; within '[ -z "$(daemons)" ]'; sleep 0.2; stat -f -c %T mnt`, prints: /^tmpfs\n$/ },
  { name: 'a caller that is told to stop while a layer hangs', script: `mkdir hung; exec 8<>/dev/fuse; mount -i -t fuse.hung -o fd=8,rootmode=40000,user_id=0,group_id=0 src hung
nodes() { cat /proc/[0-9]*/comm 2>/dev/null | grep -c -x node; }
$NODE $PROGRAM -o lowerdir=hung,upperdir=new mnt & within '[ $(nodes) = 2 ]'; sleep 0.3; kill -TERM $!; wait $!; echo $?; within '[ $(nodes) = 0 ]'; umount -l hung`, prints: /^143\n$/ },
  { name: 'environment: nothing of the caller that could change the daemon', script: `export SECRET=1 NODE_OPTIONS=--no-warnings LANG=C; ${M} mnt; tr '\\0' '\\n' < /proc/$(daemons)/environ | grep -c -e SECRET -e NODE_OPTIONS; umount mnt; true`, prints: /^0\n$/ },

  { user: true, name: 'mounts, serves, is unmounted', script: `as_user sh -c 'echo text > old/f'; ${M} mnt && as_user cat mnt/f && ${LIST} | sed "s:$PWD:DIR:g"; migratefs umount mnt; echo $?`,
    prints: /^text\nDIR\/new DIR\/mnt fuse\.migratefs rw,nosuid,nodev,relatime,user_id=65534,group_id=65534,default_permissions,max_read=\d+ 0 0\n0\n$/ },
  { user: true, name: 'source and flags', script: `${M},ro,noexec,noatime,lazytime,suid,dev 'a\\b,c' mnt; ${LIST} | cut -d' ' -f1,4; migratefs umount mnt`, prints: /^a\\134b,c ro,nosuid,nodev,noexec,noatime,/ },
  { user: true, name: 'busy', script: `${M} mnt; as_user sh -c "exec 9<mnt; $NODE $PROGRAM umount mnt; echo \\$?; $NODE $PROGRAM umount --lazy mnt; echo \\$?"`, prints: /^1\n0\n$/, says: /^migratefs: mnt is in use/m },
  { user: true, name: 'SIGTERM', script: `${M} mnt; kill -TERM $(daemons); within '[ $(mounted) = 0 ]'`, prints: /^$/ },
  { user: true, name: 'killed with auto_unmount', script: `${M},auto_unmount mnt; kill -9 $(daemons); within '[ $(mounted) = 0 ]'`, prints: /^$/ },
  { user: true, name: "another user's mount", script: `AS= ${M} mnt; migratefs umount mnt; s=$?; umount mnt; (exit $s)`, prints: /^$/, says: /^migratefs: mnt belongs to another user \(uid 0\)/m, status: 1 },
];

for (const { name, prints, says, status, needs, ...it } of CASES) {
  if (needs !== undefined && !existsSync(needs)) {
    t.test(name, { skip: `no ${needs} here` }, async () => {});
    continue;
  }
  sandbox.test(t, it.user ? `as a user: ${name}` : name, it.user === true, async (t) => {
    check(t, await sandbox.run(it), prints, says ?? NOTICE, status ?? 0);
  });
}

sandbox.test(t, 'a descriptor that somebody else has mounted', false, async (t) => {
  // Root with a device of his own and mount(8) in place of libfuse's fuse_session_mount.
  const script = `echo text > old/f; exec 8<>/dev/fuse
mount -i -t fuse.other -o fd=8,rootmode=40000,user_id=0,group_id=0,allow_other src mnt
${M} /dev/fd/8; echo $?; exec 8<&-; cat mnt/f; umount mnt`;
  check(t, await sandbox.run({ script }), /^0\ntext\n$/, NOTICE, 0);
});

function check(t: Test, outcome: Outcome, prints: RegExp, says: RegExp, status: number): void {
  t.match(outcome.stdout, prints, 'standard output');
  t.match(outcome.stderr, says, 'standard error');
  t.equal(outcome.status, status, 'exit status');
  t.same(outcome.mounts, [], 'nothing mounted');
  t.same(outcome.left, [], 'no process left');
}
