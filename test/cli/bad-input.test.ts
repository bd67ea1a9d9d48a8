// Every bad input through the real command: the exit status, one line on standard error that names the thing, nothing
// mounted, no process left.
import t from 'tap';
import { type Case, Sandbox } from './sandbox.ts';

const sandbox = new Sandbox();

const GOOD = 'lowerdir=old,upperdir=new';
const o = (options: string, ...paths: string[]) => ['-o', options, ...(paths.length > 0 ? paths : ['mnt'])];

interface Bad extends Case {
  readonly name: string;
  readonly status: 1 | 2;
  readonly says: RegExp;
}

// biome-ignore format: a table
const CASES: Bad[] = [
  { name: 'nothing', args: [], status: 2, says: /no mount point/ },
  { name: 'no options', args: ['mnt'], status: 2, says: /no lowerdir/ },
  { name: 'three paths', args: o(GOOD, 'a', 'b', 'c'), status: 2, says: /3 paths/ },
  { name: 'unknown flag', args: ['--nothing', ...o(GOOD)], status: 2, says: /--nothing/ },
  { name: '-o without a value', args: ['mnt', '-o'], status: 2, says: /-o <options>/ },
  { name: 'unknown option', args: o(`${GOOD},colour=red`), status: 2, says: /"colour" is not known/ },
  { name: 'a comma of a path', args: o('lowerdir=a,b,upperdir=new'), status: 2, says: /"b" is not known: .*; a comma that belongs to lowerdir is written \\,$/ },
  { name: 'a small journal', args: o(`${GOOD},journal-size=5X`), status: 2, says: /journal-size cannot be "5X": write a size from 64K to 1T$/ },
  { name: 'a mistyped command', args: ['unmount', 'mnt'], status: 2, says: /"unmount" is no command, .*: is umount meant\?$/ },
  { name: 'a mistyped command alone', args: ['dmeo'], status: 2, says: /no lowerdir/ },
  { name: 'a command that there is not', args: ['status', 'mnt'], status: 2, says: /"status" is no command, .*: there are umount and demo$/ },
  { name: 'a mount point whose name a shell would take apart', args: o(GOOD, "no ne's;"), status: 1, says: /make it, mkdir 'no ne'\\''s;'$/ },
  { name: 'one with control characters', args: o(GOOD, "no\n'ne"), status: 1, says: /make it, mkdir \$'no\\n\\'ne'$/ },
  { name: 'unknown option with control characters', args: o(`${GOOD},a\nb\x1b[31m`), status: 2, says: /a\\nb\\x1b/ },
  { name: 'contradiction', args: o(`${GOOD},ro,rw`), status: 2, says: /ro and rw/ },
  { name: 'contradiction over two -o', args: ['-o', 'threads=2', ...o(`${GOOD},threads=3`)], status: 2, says: /threads is given twice/ },
  { name: 'two log files', args: ['--log-file', 'x', ...o(`${GOOD},log-file=y`)], status: 2, says: /log-file is given twice/ },
  { name: 'lower=keep', args: o(`${GOOD},lower=keep`), status: 2, says: /lower=keep is not available/ },
  { name: 'locks=everywhere', args: o(`${GOOD},locks=everywhere`), status: 2, says: /locks cannot be "everywhere"/ },
  { name: 'missing upperdir', args: o('lowerdir=old'), status: 2, says: /no upperdir/ },
  { name: 'umount of what is no mount', args: ['umount', 'mnt'], status: 1, says: /mnt is not a migratefs mount/ },
  { name: 'umount of nothing', args: ['umount'], status: 2, says: /mountpoint/ },

  { name: 'missing lower', args: o('lowerdir=none,upperdir=new'), status: 1, says: /lowerdir none does not exist/ },
  { name: 'missing upper', args: o('lowerdir=old,upperdir=none'), status: 1, says: /upperdir none does not exist/ },
  { name: 'missing second lower', args: o('lowerdir=old:none\\:x,upperdir=new'), status: 1, says: /lowerdir none:x does not exist/ },
  { name: 'layer that is a file', setup: 'touch file', args: o('lowerdir=file,upperdir=new'), status: 1, says: /lowerdir file is not a directory/ },
  { name: 'layer with control characters', args: o('lowerdir=no\tne\x7f\u2028,upperdir=new'), status: 1, says: /lowerdir no\\tne\\x7f\\u2028 / },
  { name: 'layer that is a dead mount', setup: 'mkdir dead; migratefs -o lowerdir=old,upperdir=new dead 2>/dev/null; kill -9 $(daemons); within "! ls dead 2>/dev/null"', script: 'migratefs "$@"; s=$?; umount -l dead; (exit $s)', args: o('lowerdir=dead,upperdir=new'), status: 1, says: /lowerdir dead lies on a mount whose daemon is gone: unmount that \(umount -l; findmnt -T dead / },
  { name: 'same directory', args: o('lowerdir=old,upperdir=old'), status: 2, says: /upperdir old is the same directory as lowerdir old/ },
  { name: 'same directory by a symbolic link', setup: 'ln -s old link', args: o('lowerdir=old,upperdir=link'), status: 2, says: /upperdir link is the same directory as lowerdir old/ },
  { name: 'same directory by a bind mount', setup: 'mount --bind old new', args: o(GOOD), status: 2, says: /upperdir new is the same directory as lowerdir old/ },
  { name: 'upper inside lower', setup: 'mkdir old/in', args: o('lowerdir=old,upperdir=old/in'), status: 2, says: /upperdir old\/in lies inside lowerdir old/ },
  { name: 'lower inside upper', setup: 'mkdir -p new/a/b', args: o('lowerdir=new/a/b,upperdir=new'), status: 2, says: /upperdir new contains lowerdir new\/a\/b/ },
  { name: 'lower inside another lower', setup: 'mkdir old/in', args: o('lowerdir=old:old/in,upperdir=new'), status: 2, says: /lowerdir old\/in lies inside lowerdir old/ },
  { name: 'lower twice', args: o('lowerdir=old:old,upperdir=new'), status: 2, says: /lowerdir old is the same directory as lowerdir old/ },
  { name: 'upper inside lower by a bind mount', setup: 'mkdir old/in; mount --bind old/in new', args: o(GOOD), status: 2, says: /upperdir new lies inside lowerdir old/ },
  { name: 'upper inside lower, on another file system', setup: 'mkdir old/in; mount -t tmpfs t old/in', args: o('lowerdir=old,upperdir=old/in'), status: 2, says: /upperdir old\/in lies inside lowerdir old/ },
  { name: 'names that only begin alike do not overlap', setup: 'mkdir old2', args: o('lowerdir=old,upperdir=old2', 'none'), status: 1, says: /mount point none does not exist/ },
  { name: 'upper on a read-only file system', setup: 'mount -t tmpfs -o ro t new', args: o(GOOD), status: 1, says: /upperdir new is on a file system that is mounted read only: .*ro$/ },

  { name: 'mount point missing', args: o(GOOD, 'none'), status: 1, says: /mount point none does not exist/ },
  { name: 'mount point a file', setup: 'touch file', args: o(GOOD, 'file'), status: 1, says: /mount point file is not a directory/ },
  { name: 'mount point not empty', setup: 'touch mnt/file', args: o(GOOD), status: 1, says: /mount point mnt is not empty.*nonempty/ },
  { name: 'mount point is a layer', args: o(GOOD, 'old'), status: 2, says: /mount point old is lowerdir old/ },
  { name: 'mount point in a layer', setup: 'mkdir new/in', args: o(GOOD, 'new/in'), status: 2, says: /mount point new\/in lies inside upperdir new/ },
  { name: 'mount point in a layer by a bind mount', setup: 'mkdir old/in; mount --bind old/in mnt', args: o(GOOD), status: 2, says: /mount point mnt is .*|mount point mnt lies inside lowerdir old/ },
  { name: 'layer in the mount point', args: o(GOOD, '.'), status: 2, says: /mount point \. contains upperdir new/ },
  { name: 'log file that cannot be', args: ['--log-file', 'none/log', ...o(GOOD)], status: 1, says: /none\/log/ },
  { name: 'more inode memory than there is', setup: 'ulimit -v 8000000', args: o(`${GOOD},inode-memory=900G`), status: 1, says: /inode-memory/ },
  { name: 'no /dev/fuse', setup: 'umount /dev/fuse; mkdir dev; cp -a /dev/null dev; mount --bind dev /dev', args: o(GOOD), status: 1, says: /\/dev\/fuse is missing: .*modprobe fuse.*--device/ },
  { name: 'a descriptor that is no device', args: o(GOOD, '/dev/fd/0'), status: 1, says: /\/dev\/fd\/0 is not an open \/dev\/fuse/ },
  { name: 'a descriptor that is not open', args: o(GOOD, '/dev/fd/77'), status: 1, says: /\/dev\/fd\/77 is not an open \/dev\/fuse/ },
  { name: 'not permitted to mount', script: 'setpriv --bounding-set=-sys_admin "$NODE" "$PROGRAM" "$@"', args: o(GOOD), status: 1, says: /cannot mount on .*CAP_SYS_ADMIN/ },

  { user: true, name: 'lower that may not be read', setup: 'chown 0 old; chmod 711 old', args: o(GOOD), status: 1, says: /lowerdir old may not be read by this user/ },
  { user: true, name: 'lower that may not be reached', setup: 'mkdir -p shut/old; chmod 700 shut', args: o('lowerdir=shut/old,upperdir=new'), status: 1, says: /lowerdir shut\/old may not be reached/ },
  { user: true, name: 'upper that may not be written', setup: 'chown 0 new', args: o(GOOD), status: 1, says: /upperdir new may not be written by this user/ },
  { user: true, name: "another user's mount point", setup: 'chown 0 mnt', args: o(GOOD), status: 1, says: /mount point mnt may not be written by this user/ },
  { user: true, name: 'sticky mount point of another user', setup: 'chown 0 mnt; chmod 1777 mnt', args: o(GOOD), status: 1, says: /mount point mnt belongs to another user/ },
  { user: true, name: "allow_other is root's", args: o(`${GOOD},allow_other`), status: 2, says: /allow_other is root's alone/ },
  { user: true, name: "context is root's", args: o(`${GOOD},context=x`), status: 2, says: /context is root's alone/ },
  { user: true, name: 'no fusermount3', setup: 'touch plain; chmod 644 plain; mount --bind plain $(readlink -f $(command -v fusermount3))', args: o(GOOD), status: 1, says: /fusermount3 is not installed/ },
  { user: true, name: 'fusermount3 without its bit', setup: 'f=$(readlink -f $(command -v fusermount3)); cp $f plain; chmod 755 plain; mount --bind plain $f', args: o(GOOD), status: 1, says: /fusermount3: mount failed: Operation not permitted/ },
  { user: true, name: 'a device that the user may not open', setup: 'chmod 600 /dev/fuse', args: o(GOOD), status: 1, says: /\/dev\/fuse may not be opened/ },
  { user: true, name: 'log file that may not be written', args: ['--log-file', '/proc/none', ...o(GOOD)], status: 1, says: /\/proc\/none/ },
];

for (const { name, status, says, ...it } of CASES) {
  const title = it.user ? `as a user: ${name}` : name;
  sandbox.test(t, title, it.user === true, async (t) => {
    const outcome = await sandbox.run(it);
    t.equal(outcome.status, status, 'exit status');
    t.match(outcome.stderr, /^migratefs: [^\n]+\n$/, 'one line');
    t.match(outcome.stderr.trimEnd(), says, 'names the thing');
    t.equal(outcome.stdout, '', 'nothing on standard output');
    t.same(outcome.mounts, [], 'nothing mounted');
    t.same(outcome.left, [], 'no process left');
  });
}

sandbox.test(t, 'mount point already a migratefs mount, alive or dead', false, async (t) => {
  const script = `
migratefs -o ${GOOD} mnt 2>/dev/null; migratefs -o ${GOOD},nonempty mnt; echo $? >> said
kill -9 $(daemons); within '! ls mnt 2>/dev/null'; migratefs -o ${GOOD} mnt; echo $? >> said
migratefs umount mnt; echo $? >> said; cat said`;
  const { stdout, stderr, mounts, left } = await sandbox.run({ script });
  t.equal(stdout, '1\n1\n0\n');
  t.match(
    stderr,
    /^migratefs: mount point mnt is already a migratefs mount: .*umount mnt\nmigratefs: mount point mnt is a mount whose daemon is gone: .*migratefs umount mnt\n$/,
  );
  t.same([...mounts, ...left], []);
});
