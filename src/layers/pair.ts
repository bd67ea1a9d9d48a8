// Which storages belong together: the new one has an identity, and each old one names it, in a file of our directory that the first mount makes
// and none replaces. So two things are known before anything is done: that the new storage is not mounted, when all would drain to the disk below
// its mount point; and that the two have changed places, when one host would move back what others move on.

import { randomBytes } from 'node:crypto';
import { EACCES, EEXIST, EIO, ENOENT, EROFS, errnoName } from '../../protocol/errno.ts';
import type { Log } from '../log/log.ts';
import { O_CLOEXEC, O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } from '../sys/constants.ts';
import { cstring } from '../sys/cstring.ts';
import { close, fsync, openat, write } from '../sys/fd.ts';
import { unlinkat } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { claimNow } from './claim.ts';
import { eachLeftover } from './leftovers.ts';
import { type IsGone, type Maker, makerNamed, nameOfMaker } from './maker.ts';
import { moveNew } from './movenew.ts';
import { openSide } from './openside.ts';
import { isOurs, openFolder, privateName } from './private.ts';
import { readOurs } from './readours.ts';
import { type FileSystemSetup, type LayerSetup, PRIVATE_NAME, UPPER } from './setup.ts';
import { SetupError } from './setuperror.ts';
import { syncDirectory } from './sync.ts';

interface Pair {
  /** What the storage that has the file was mounted as. */
  readonly role: 'upper' | 'lower';
  /** The new storage's identity. */
  readonly upper: string;
  /** And its path when that was written down: for messages. */
  readonly path: string;
}

/** A layer's root, as it was opened. */
type Root = Pick<LayerSetup, 'path' | 'fd'>;

const NAME = cstring('pair');
const PRIVATE = cstring(PRIVATE_NAME);
const MOST = 16_384;
const stat = new Stat();

/** Before anything is made: whether these layers may be mounted as what they are given as. @throws SetupError */
export function checkPair(roots: readonly Root[], isGone: IsGone): void {
  const found = roots.map((root) => {
    const ours = openSide(root.fd, PRIVATE, stat);
    if (ours < 0) return undefined;
    try {
      if (!isOurs(stat)) return undefined;
      const living = root === roots[UPPER] ? undefined : livingIn({ ...root, ours }, isGone);
      if (living !== undefined) throw new SetupError(usedAsUpper(root, living));
      return readPair(root, ours);
    } finally {
      close(ours);
    }
  });
  judge(roots, found);
}

/** Writes down what belongs together, where that is not known yet. @throws SetupError where another host was first, with other storages */
export function keepPair({ layers, host }: Pick<FileSystemSetup, 'layers' | 'host'>, log: Log): void {
  const [upper, ...lower] = layers as [LayerSetup, ...LayerSetup[]];
  const put = (layer: LayerSetup, pair: Pair): boolean => {
    const result = readPair(layer, layer.ours) === undefined ? putPair(layer, host, pair) : 0;
    if (result < 0 && result !== -EACCES && result !== -EROFS)
      log.warn('pair_missing', { layer: layer.path, error: errnoName(-result) });
    return result === 0;
  };
  const path = upper.path;
  if (!put(upper, { role: 'upper', upper: randomBytes(16).toString('hex'), path })) return;
  const own = readPair(upper, upper.ours);
  if (own === undefined) return;
  for (const layer of lower) put(layer, { role: 'lower', upper: own.upper, path });
  judge(
    layers,
    layers.map((layer) => readPair(layer, layer.ours)),
  );
}

function judge(roots: readonly Root[], [own, ...others]: readonly (Pair | undefined)[]): void {
  const upper = roots[UPPER] as Root;
  const [upperdir, upperFile] = [`upperdir ${quoted(upper)}`, fileOf(upper)];
  others.forEach((pair, index) => {
    const lower = roots[index + 1] as Root;
    const [lowerdir, lowerFile] = [`lowerdir ${quoted(lower)}`, fileOf(lower)];
    if (own?.role === 'lower' || pair?.role === 'upper') {
      const what =
        pair?.role === 'upper'
          ? `${lowerdir} has been mounted as a new storage`
          : `${upperdir} has been mounted as an old storage`;
      throw new SetupError(
        `${what}, and mounting it the other way round with ${pair?.role === 'upper' ? upperdir : lowerdir} moves files back: exchange the options; or, if that is meant, unmount on all hosts, remove ${upperFile} and ${lowerFile}, and mount again`,
      );
    }
    if (pair === undefined || pair.upper === own?.upper) return;
    const then = pair.path === upper.path ? 'of the same path' : JSON.stringify(pair.path);
    throw new SetupError(
      `${upperdir} is not the new storage that ${lowerdir} has been mounted with (${then}): is it mounted? Mount it; or, if this one is to take its place, remove ${lowerFile}`,
    );
  });
}

const quoted = ({ path }: Root): string => JSON.stringify(path);
const fileOf = ({ path }: Root): string => JSON.stringify(`${path}/${PRIVATE_NAME}/pair`);

/** A daemon that has a layer as its new storage, and lives or may live. Signs of life lie nowhere else. */
function livingIn(layer: LayerSetup, isGone: IsGone): Maker | undefined {
  let living: Maker | undefined;
  const act = (_: number, name: Uint8Array) => {
    living ??= makerNamed(name);
  };
  eachLeftover(layer, 'alive', (maker) => !isGone(maker), act, makerNamed);
  return living;
}

function usedAsUpper(root: Root, maker: Maker): string {
  const sign = JSON.stringify(`${root.path}/${PRIVATE_NAME}/alive/${nameOfMaker(maker)}`);
  return `lowerdir ${quoted(root)} is mounted as the new storage by process ${maker.pid} of ${maker.host}: unmount it there; if that daemon has died, remove ${sign}`;
}

/** @returns undefined where there is none, or none that this user may believe. @throws SetupError for what cannot be read */
function readPair(root: Root, ours: number): Pair | undefined {
  const read = readOurs(ours, NAME, MOST);
  if (read === -ENOENT || read === -EACCES) return undefined;
  const pair = typeof read === 'number' ? undefined : parse(Buffer.from(read.bytes).toString());
  if (pair !== undefined) return pair;
  const why = typeof read === 'number' ? `cannot be read: ${errnoName(-read)}` : 'is no such record';
  throw new SetupError(`${fileOf(root)} ${why}; look at it, and move it away`);
}

function parse(text: string): Pair | undefined {
  try {
    const { role, upper, path } = (JSON.parse(text) ?? {}) as Partial<Pair>;
    const isPair = (role === 'upper' || role === 'lower') && typeof upper === 'string';
    return isPair ? { role, upper, path: String(path) } : undefined;
  } catch {
    return undefined;
  }
}

/** The record appears whole, and only where there is none. @returns 0, also when another host was first, or a negative errno */
function putPair(layer: LayerSetup, host: string, pair: Pair): number {
  const claimed = claimNow(layer);
  const work = claimed < 0 ? claimed : openFolder(layer, 'work');
  if (work < 0) return work;
  const name = privateName({ host, worker: 0 });
  const fd = openat(work, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600);
  const bytes = Buffer.from(`${JSON.stringify(pair)}\n`);
  let result = fd < 0 ? fd : write(fd, bytes, bytes.length);
  if (result >= 0) result = result === bytes.length ? fsync(fd) : -EIO;
  if (fd >= 0) close(fd);
  if (result === 0) result = moveNew(work, name, layer.ours, NAME);
  if (result < 0 && fd >= 0) unlinkat(work, name, 0);
  close(work);
  if (result === -EEXIST) return 0;
  return result === 0 ? syncDirectory(layer.ours) : result;
}
