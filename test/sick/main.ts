// The process of a sick file system. Arguments: the directory behind, and the mount point. The test that has started it tells it by
// messages what to do; when that is gone, it takes itself away.

import * as flag from '../../protocol/flags.ts';
import { errnoName } from '../../protocol/index.ts';
import { openSession } from '../../src/session/negotiation.ts';
import { O_CLOEXEC, O_DIRECTORY, O_PATH, O_RDWR } from '../../src/sys/constants.ts';
import { cstring } from '../../src/sys/cstring.ts';
import { open } from '../../src/sys/fd.ts';
import { mount, umount2 } from '../../src/sys/mount.ts';
import { Nodes } from './nodes.ts';
import type { Rule } from './rules.ts';
import { Server } from './server.ts';

/** What a test asks. */
export type Command =
  | { readonly kind: 'rule'; readonly rule: Rule }
  | { readonly kind: 'release' }
  | { readonly kind: 'stubborn'; readonly stubborn: boolean }
  | { readonly kind: 'hanging' }
  | { readonly kind: 'counts' };

const FLAGS =
  flag.FUSE_ASYNC_READ |
  flag.FUSE_BIG_WRITES |
  flag.FUSE_PARALLEL_DIROPS |
  flag.FUSE_AUTO_INVAL_DATA |
  flag.FUSE_MAX_PAGES |
  flag.FUSE_ABORT_ERROR;

const MNT_DETACH = 2;

function sure(result: number, what: string): number {
  if (result < 0) throw new Error(`${what}: ${errnoName(-result)}`);
  return result;
}

function answer(server: Server, command: Command): unknown {
  switch (command.kind) {
    case 'rule':
      return server.rules.add(command.rule);
    case 'release':
      return server.release();
    case 'stubborn':
      server.stubborn = command.stubborn;
      return undefined;
    case 'hanging':
      return server.hanging;
    case 'counts':
      return server.rules.counts;
  }
}

const [behind = '', point = ''] = process.argv.slice(2);
// A test's umask is nobody's business; the kernel has applied the callers'.
process.umask(0);
const root = sure(open(cstring(behind), O_PATH | O_DIRECTORY | O_CLOEXEC), behind);
const device = sure(open(cstring('/dev/fuse'), O_RDWR | O_CLOEXEC), '/dev/fuse');
const data = `fd=${device},rootmode=40000,user_id=0,group_id=0,default_permissions,allow_other`;
sure(mount(cstring('sick'), cstring(point), cstring('fuse.sick'), 0, cstring(data)), `mount on ${point}`);
const server = new Server(device, openSession(device, FLAGS), new Nodes(root));

process.on('message', ({ id, command }: { id: number; command: Command }) => {
  process.send?.({ id, value: answer(server, command) });
});
// The test has ended, orderly or not. With the device closed the kernel aborts the connection: whoever still hangs here gets an error.
process.on('disconnect', () => {
  umount2(cstring(point), MNT_DETACH);
  process.kill(process.pid, 'SIGKILL');
});
process.send?.({ id: 0 });
await server.run();
process.exit(0);
