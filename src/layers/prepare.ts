// Opening the layers for a mount, on the main thread: descriptors of their roots, the inode table with its root, and the end of what
// a dead daemon of this host has left unfinished.

import { randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { ENOENT, errnoName } from '../../protocol/errno.ts';
import { InodeTable, newIdentity, ROOT_ID } from '../inodes/table.ts';
import { Journal } from '../journal/journal.ts';
import { type JournalSetup, journalSetup } from '../journal/setup.ts';
import { Log, type LogLevel, type LogTarget } from '../log/log.ts';
import {
  AT_EMPTY_PATH,
  CAP_SETGID,
  CAP_SETUID,
  O_CLOEXEC,
  O_DIRECTORY,
  O_PATH,
  O_RDONLY,
  STATX_BASIC_STATS,
} from '../sys/constants.ts';
import { geteuid, hasEffectiveCapability } from '../sys/credentials.ts';
import { cstring, EMPTY } from '../sys/cstring.ts';
import { close, open } from '../sys/fd.ts';
import { getrlimit, ResourceLimit, RLIMIT_NOFILE } from '../sys/limits.ts';
import { statx } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { bricksOf } from './bricks.ts';
import { claim, NotOurs } from './claim.ts';
import { EntryChanges } from './entrychanges.ts';
import { inJournalFolder } from './filesystem.ts';
import { dropSigns, finishGone } from './finishgone.ts';
import { goneFrom, type IsGone, nameOfMaker } from './maker.ts';
import { livesOn } from './roles.ts';
import {
  type FileSystemSetup,
  isExclusive,
  type LayerSetup,
  type Policy,
  PRIVATE_NAME,
  UPPER,
} from './setup.ts';
import { openUntouched } from './untouched.ts';

/** The layers cannot be served; `message` names the thing and the mend. */
export class SetupError extends Error {
  override readonly name = 'SetupError';
}

/** What the mount options say of the layers. Paths are checked again here: they may have changed since. */
export interface PrepareOptions {
  readonly upper: string;
  /** From top to bottom. */
  readonly lower: readonly string[];
  readonly policy: Omit<Policy, 'switchCredentials'>;
  /** Bytes to reserve for the inode table. */
  readonly inodeMemory: number;
  /** Whether file handles outlive the kernel's memory of their objects. */
  readonly keepHandles: boolean;
  /** Bytes from which on a journal's file is put away; undefined: there is no journal. */
  readonly journal?: number | undefined;
  readonly log: LogTarget;
  readonly logLevel: LogLevel;
}

/** Descriptor numbers above this are not used for handles: a table entry is reserved for each. */
const MOST_HANDLES = 1 << 20;

export function prepareFileSystem(options: PrepareOptions): FileSystemSetup {
  const log = new Log(options.log, options.logLevel);
  const host = hostTag();
  const paths = [options.upper, ...options.lower];
  // The lowest first: an old layer that is refused leaves the new one as it was.
  const layers = paths
    .toReversed()
    .map((path, i) => openLayer(path, paths.length - 1 - i, options.policy, host, log));
  layers.reverse();
  const region = reserve(options, layers.length);
  enterRoot(new InodeTable(region), layers);
  const setup: FileSystemSetup = {
    region,
    changes: EntryChanges.allocate(),
    layers,
    policy: { ...options.policy, switchCredentials: maySwitch() },
    journal: options.policy.readOnly ? undefined : openJournal(options, layers, log),
    log: options.log,
    logLevel: options.logLevel,
    generation: randomBytes(4).readUInt32LE(),
    host,
  };
  if (!options.policy.readOnly) {
    const isGone = goneFrom(setup.host);
    finishGone(setup, log, isGone);
    dropSigns(setup, log, isGone);
  }
  return setup;
}

/** Root in a container, or under mount.fuse3's drop_privileges, may lack what it takes to become somebody else. */
function maySwitch(): boolean {
  return geteuid() === 0 && hasEffectiveCapability(CAP_SETUID) && hasEffectiveCapability(CAP_SETGID);
}

function checkRole(lower: LayerSetup, isGone: IsGone): void {
  const found = livesOn(lower, isGone);
  if (found === undefined) return;
  const what = `lowerdir ${JSON.stringify(lower.path)}`;
  const alive = `${lower.path}/${PRIVATE_NAME}/alive`;
  if (typeof found === 'number')
    throw new SetupError(
      `cannot tell whether ${what} is mounted as a new storage: ${JSON.stringify(alive)}: ${errnoName(-found)}`,
    );
  const sign = JSON.stringify(`${alive}/${nameOfMaker(found)}`);
  throw new SetupError(
    `${what} is mounted as the new storage by process ${found.pid} of ${found.host}, or was when that ended: unmount it there; if that daemon has died, remove ${sign}`,
  );
}

function openLayer(
  path: string,
  index: number,
  policy: PrepareOptions['policy'],
  host: string,
  log: Log,
): LayerSetup {
  const { readOnly } = policy;
  const root = cstring(path);
  const fd = readOnly ? openUntouched(root) : open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) throw new SetupError(`cannot open the layer ${JSON.stringify(path)}: ${errnoName(-fd)}`);
  const probe = open(cstring(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (probe < 0) {
    throw new SetupError(
      `cannot read the layer ${JSON.stringify(path)}: ${errnoName(-probe)}; mount as a user who may`,
    );
  }
  const bricks = bricksOf(probe);
  close(probe);
  if (index === UPPER && bricks > 1 && !readOnly && !isExclusive(policy)) {
    throw new SetupError(
      `upperdir ${JSON.stringify(path)} is a GlusterFS volume that distributes files over ${bricks} bricks, where two hosts that write to one old file at the same moment can lose what one of them has written: give cache=exclusive if this is the only host, or take a volume of one brick or one set of replicas`,
    );
  }
  try {
    const layer = { path, fd, ours: claim({ path, fd }, index, readOnly, log) };
    if (index !== UPPER && !readOnly) checkRole(layer, goneFrom(host));
    return layer;
  } catch (error) {
    if (!(error instanceof NotOurs)) throw error;
    const what = `${index === UPPER ? 'upperdir' : 'lowerdir'} ${JSON.stringify(path)}`;
    throw new SetupError(
      `${PRIVATE_NAME} in ${what} ${error.message}, but migratefs keeps there what nobody else may touch: mount as its owner, or look at it and move it away`,
    );
  }
}

function openJournal(
  { journal: limit, upper }: PrepareOptions,
  layers: readonly LayerSetup[],
  log: Log,
): JournalSetup | undefined {
  if (limit === undefined) return undefined;
  const setup = journalSetup({ host: hostName(), path: `${upper}/${PRIVATE_NAME}/journal`, limit });
  new Journal(setup, log, (work) => inJournalFolder({ layers }, work)).tryOut();
  return setup;
}

function reserve(
  { inodeMemory: bytes, keepHandles: keep }: PrepareOptions,
  layers: number,
): SharedArrayBuffer {
  const limit = new ResourceLimit();
  const known = getrlimit(RLIMIT_NOFILE, limit) === 0 ? Number(limit.soft) : MOST_HANDLES;
  try {
    return InodeTable.reserve({ bytes, layers, handles: Math.min(known, MOST_HANDLES), keep });
  } catch (error) {
    throw new SetupError(
      `cannot reserve ${bytes} bytes of address space for the inode table (${String(error)}); give a smaller inode-memory=, or allow overcommit`,
    );
  }
}

function enterRoot(table: InodeTable, layers: readonly LayerSetup[]): void {
  const stat = new Stat();
  const identity = newIdentity();
  for (let layer = UPPER; layer < layers.length; layer++) {
    const { fd, path } = layers[layer] as LayerSetup;
    const result = statx(fd, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS, stat);
    if (result < 0)
      throw new SetupError(`cannot stat the layer ${JSON.stringify(path)}: ${errnoName(-result)}`);
    // In this order, so that the upper layer's device is number 0 and its inode numbers are shown as they are.
    identity.device = table.deviceIndex(stat.devMajor, stat.devMinor, layer);
    identity.layer = layer;
    identity.inoLo = stat.inoLo;
    identity.inoHi = stat.inoHi;
    table.setDir(ROOT_ID, layer, fd, identity.device, stat.inoLo, stat.inoHi);
    if (layer !== UPPER) continue;
    table.rebind(ROOT_ID, identity);
    table.setPresented(ROOT_ID, stat.inoLo, stat.inoHi);
  }
}

/** Names this host among those that share the layers, and this pid namespace of it: process numbers mean nothing elsewhere. */
function hostTag(): string {
  return `${hostName()}-${pidNamespace()}`;
}

/** The same for as long as the host has its name. Two hosts that were cloned may have one, so the machine id is part of it. */
function hostName(): string {
  const name = hostname()
    .replace(/[^A-Za-z0-9-]/g, '-')
    .slice(0, 64);
  return [name, firstBytes('/etc/machine-id')].filter((part) => part !== '').join('-') || 'host';
}

function firstBytes(path: string): string {
  try {
    return readFileSync(path, 'latin1')
      .replace(/[^0-9a-f]/g, '')
      .slice(0, 8);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).errno === -ENOENT) return '';
    throw new SetupError(`cannot read ${path}: ${String(error)}`);
  }
}

function pidNamespace(): string {
  return readlinkSync('/proc/self/ns/pid').replace(/[^0-9]/g, '');
}
