// A thread that mounts a tmpfs in a mount namespace of its own (mount.test.ts).
import { parentPort, workerData } from 'node:worker_threads';
import * as c from '../../src/sys/constants.ts';
import { unshare } from '../../src/sys/credentials.ts';
import { cstring } from '../../src/sys/cstring.ts';
import { close, open } from '../../src/sys/fd.ts';
import { mount, setns, umount2 } from '../../src/sys/mount.ts';
import { mkdirat } from '../../src/sys/path.ts';
import { fstatfs, StatFs } from '../../src/sys/statfs.ts';

const path = cstring((workerData as { path: string }).path);
const tmpfs = cstring('tmpfs');
const home = open(cstring('/proc/self/ns/mnt'), c.O_RDONLY);

const found = [unshare(c.CLONE_NEWNS)];
found.push(mount(cstring('none'), cstring('/'), null, c.MS_REC | c.MS_PRIVATE, null));
found.push(mount(tmpfs, path, tmpfs, c.MS_NOSUID | c.MS_NODEV, cstring('size=64k')));
const dir = open(path, c.O_PATH);
const out = new StatFs();
fstatfs(dir, out);
found.push(out.type);
found.push(mount(tmpfs, path, null, c.MS_REMOUNT | c.MS_RDONLY, null));
found.push(mkdirat(dir, cstring('d'), 0o700));
close(dir);
found.push(umount2(path, c.MNT_DETACH | c.UMOUNT_NOFOLLOW));
found.push(setns(home, c.CLONE_NEWNS));
close(home);
parentPort?.postMessage(found);
