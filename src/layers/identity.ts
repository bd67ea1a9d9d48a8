// By what records tell objects and layers that outlive the daemon: not by descriptors, and not by names alone.

import { AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, STATX_BTIME } from '../sys/constants.ts';
import { type CString, EMPTY } from '../sys/cstring.ts';
import { statx } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import type { LayerSetup } from './setup.ts';

/** An inode number comes to be another object's; the time of birth, where a layer tells it, keeps the two apart. */
export function identityOf(stat: Stat): string {
  const birth = (stat.mask & STATX_BTIME) !== 0 ? `${stat.btimeSec}.${stat.btimeNsec}` : '';
  return `${(BigInt(stat.inoHi) << 32n) | BigInt(stat.inoLo)}@${birth}`;
}

/** What `stateOf` needs. */
export const STATE_MASK = STATX_BASIC_STATS | STATX_BTIME;

/** All that a change of a file changes. */
export function stateOf(stat: Stat): string {
  return `${contentOf(stat)} ${identityOf(stat)} ${stat.ctimeSec}.${stat.ctimeNsec}`;
}

/** Whether two states, as `stateOf`, are of one file, which may have changed; where its layer tells no birth, not in its content. */
export function isOneFile(a: string, b: string): boolean {
  const [one, other] = [a.split(' '), b.split(' ')];
  const from = one[IDENTITY]?.endsWith('@') ? 0 : IDENTITY;
  return one.slice(from, IDENTITY + 1).join() === other.slice(from, IDENTITY + 1).join();
}

/** Of the words of a state. */
const IDENTITY = 3;

/** What a copy has of its source, and what another name leaves as it is. */
export function contentOf({ type, size, mtimeSec, mtimeNsec }: Stat): string {
  return `${type} ${size} ${mtimeSec}.${mtimeNsec}`;
}

const stat = new Stat();

/** @param name EMPTY for the directory itself. @returns undefined when nothing has the name, or the layer does not tell. */
export function identityAt(dir: number, name: CString): string | undefined {
  const flags = name === EMPTY ? AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW;
  const found = statx(dir, name, flags, STATE_MASK, stat);
  return found === 0 ? identityOf(stat) : undefined;
}

/** A layer. */
export interface LayerMark {
  /** Its root, as `identityAt`. */
  readonly layer: string;
  /** Its path: the roots of network file systems are alike (inode 1 of each GlusterFS volume, no birth). */
  readonly path?: string | undefined;
}

/** Whether what was read from a record is a layer's mark. */
export function isLayerMark(value: unknown): value is LayerMark {
  const { layer, path = '' } = (value ?? {}) as Partial<LayerMark>;
  return typeof layer === 'string' && typeof path === 'string';
}

export const markOf = ({ fd, path }: LayerSetup): LayerMark => ({ layer: identityAt(fd, EMPTY) ?? '', path });

/** @returns undefined when the layer is not among these, or nothing tells which of several it is. */
export function markedLayer(
  layers: readonly LayerSetup[],
  { layer, path }: LayerMark,
): LayerSetup | undefined {
  const alike = layers.filter(({ fd }) => identityAt(fd, EMPTY) === layer);
  return alike.length > 1 ? alike.find((each) => each.path === path) : alike[0];
}
