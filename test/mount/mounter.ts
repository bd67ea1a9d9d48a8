// A process that mounts, says what it sees, and unmounts: run by mounting.test.ts as root and as an ordinary user, in a
// mount namespace of its own. argv: mount point, option strings… Prints one line of JSON. Serves nothing, so it must not
// touch the mount point while it is mounted.

import { readFileSync } from 'node:fs';
import { checkMount, mountDevice, parseOptions } from '../../src/mount/index.ts';
import { mountAt, readMounts } from '../../src/mount/mountinfo.ts';

const [mountpoint = '', source = '', ...texts] = process.argv.slice(2);
const options = parseOptions(texts);
const paths = checkMount(options, mountpoint, process.getuid?.() === 0);
const mounted = await mountDevice(options, paths, source || undefined);
const line = readFileSync('/proc/self/mountinfo', 'utf8')
  .split('\n')
  .find((l) => l.includes(' fuse.migratefs '));
const { connection } = mounted;
const entry = mountAt(paths.mountpoint?.path ?? '');
const fdinfo = readFileSync(`/proc/self/fdinfo/${mounted.device}`, 'utf8');
const result = await mounted.unmount(false);
const left = readMounts().filter((m) => m.type === 'fuse.migratefs').length;
process.stdout.write(`${JSON.stringify({ line, entry, connection, result, left, fdinfo })}\n`);
