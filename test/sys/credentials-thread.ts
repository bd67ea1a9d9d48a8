// A thread that takes on another user, tries a few calls and goes back (credentials.test.ts).
import { chownSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import * as c from '../../src/sys/constants.ts';
import * as credentials from '../../src/sys/credentials.ts';
import { cstring } from '../../src/sys/cstring.ts';
import { close, open, openat } from '../../src/sys/fd.ts';
import { chmod, faccessat, procPath, statx } from '../../src/sys/path.ts';
import { Stat } from '../../src/sys/stat.ts';

const { path, uid, gid, groups } = workerData as { path: string; uid: number; gid: number; groups: number[] };

const dir = open(cstring(path), c.O_PATH | c.O_DIRECTORY);
const tryOpen = (name: string): number => {
  const fd = openat(dir, cstring(name), c.O_RDONLY);
  return fd < 0 ? fd : close(fd);
};

function look() {
  chownSync(`${path}/group`, 0, groups[1] as number);
  const own = new Uint32Array(100);
  const count = credentials.getgroups(own);
  credentials.unshareFs();
  credentials.umask(0o073);

  const assumed = [
    credentials.setgroups(Uint32Array.from(groups), groups.length),
    credentials.setfsgid(gid),
    credentials.setfsuid(uid),
  ];
  const taken = new Uint32Array(8);
  const seen = [...taken.subarray(0, credentials.getgroups(taken))];
  const secret = tryOpen('secret');
  const group = tryOpen('group');
  const access = faccessat(dir, cstring('secret'), c.R_OK, c.AT_EACCESS);
  const made = openat(dir, cstring('open/made'), c.O_RDWR | c.O_CREAT, 0o777);
  const stat = new Stat();
  statx(dir, cstring('open/made'), 0, c.STATX_BASIC_STATS, stat);
  const beforeChmod = stat.mode & 0o777;
  const chmodOwn = chmod(procPath(made), 0o604);

  const back = [credentials.setfsuid(0), credentials.setfsgid(0), credentials.setgroups(own, count)];
  const secretAgain = tryOpen('secret');
  const bit = c.CAP_FOWNER;
  const capability = [
    credentials.hasEffectiveCapability(bit),
    credentials.dropCapability(bit),
    credentials.hasEffectiveCapability(bit),
    credentials.setfsuid(uid),
    credentials.setfsuid(0),
    credentials.hasEffectiveCapability(bit),
  ];
  for (const fd of [made, dir]) close(fd);
  return {
    assumed,
    groups: seen,
    secret,
    group,
    access,
    beforeChmod,
    chmodOwn,
    back,
    secretAgain,
    capability,
  };
}

export type Findings = ReturnType<typeof look>;
parentPort?.postMessage(look());
