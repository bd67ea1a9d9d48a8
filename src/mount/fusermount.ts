/**
 * Mounting and unmounting as an ordinary user, through the set-user-id helper fusermount3. It mounts, sends the device
 * descriptor over the socket named by _FUSE_COMMFD and ends.
 */
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { EBUSY, EPERM, errnoName } from '../../protocol/errno.ts';
import { close, poll } from '../sys/fd.ts';
import { receiveDescriptor, socketpair } from '../sys/socket.ts';
import { SystemError } from './errors.ts';
import { messageOf } from './printable.ts';

const HELPER = 'fusermount3';
const USUAL_PLACES = ['/usr/bin', '/bin', '/usr/local/bin'];
const POLLIN = 1;
const LOOK_AGAIN_MS = 5;

/** @throws SystemError */
export function findFusermount(path = process.env.PATH ?? ''): string {
  const found = [...path.split(':'), ...USUAL_PLACES]
    .filter((directory) => directory.startsWith('/'))
    .map((directory) => join(directory, HELPER))
    .find(isExecutable);
  if (found !== undefined) return found;
  throw new SystemError(
    'NO_FUSERMOUNT',
    `${HELPER} is not installed, and only root can mount without it: install the package fuse3`,
  );
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The mounted device's descriptor. @throws SystemError with the helper's own words */
export async function mountByHelper(mountpoint: string, options: string): Promise<number> {
  const pair = new Int32Array(2);
  const made = socketpair(pair);
  if (made < 0) throw new SystemError('MOUNT_FAILED', `no socket pair: ${errnoName(-made)}`);
  const [ours, theirs] = pair as unknown as [number, number];
  const helper = run(['-o', options, '--', mountpoint], theirs);
  close(theirs);
  const device = await receive(ours, helper);
  close(ours);
  const { message } = await helper.ended;
  if (device >= 0) return device;
  throw new SystemError('MOUNT_FAILED', message || `${HELPER} sent no descriptor: ${errnoName(-device)}`);
}

/** @returns 0 or a negative errno, and the helper's words */
export async function unmountByHelper(
  mountpoint: string,
  lazy: boolean,
): Promise<{ result: number; message: string }> {
  const { status, message } = await run(['-u', ...(lazy ? ['-z'] : []), '--', mountpoint]).ended;
  if (status === 0) return { result: 0, message: '' };
  return { result: /busy/i.test(message) ? -EBUSY : -EPERM, message };
}

interface Run {
  readonly ended: Promise<{ status: number; message: string }>;
  readonly hasEnded: () => boolean;
}

function run(args: string[], socket?: number): Run {
  const child = spawn(findFusermount(), args, {
    stdio: ['ignore', 'ignore', 'pipe', ...(socket === undefined ? [] : [socket])],
    env: {
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      LC_ALL: 'C',
      ...(socket !== undefined && { _FUSE_COMMFD: '3' }),
    },
    cwd: '/',
    detached: true,
  });
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  let over = false;
  const ended = new Promise<{ status: number; message: string }>((done) => {
    child.once('error', (error) => done({ status: -1, message: `${HELPER}: ${messageOf(error)}` }));
    child.once('close', (status) => done({ status: status ?? -1, message: messageOf(said) }));
  }).finally(() => {
    over = true;
  });
  return { ended, hasEnded: () => over };
}

/** Looks again and again rather than block: a signal must still reach us when the helper hangs. */
async function receive(socket: number, helper: Run): Promise<number> {
  while (!helper.hasEnded() && poll(socket, POLLIN, 0) === 0) {
    await new Promise((done) => setTimeout(done, LOOK_AGAIN_MS));
  }
  return receiveDescriptor(socket);
}
