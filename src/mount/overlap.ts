/**
 * Layers must lie beside one another, and the mount point beside them all: a layer that shows another's files twice, or
 * a mount that its own daemon walks into, loses data or hangs.
 */
import { UsageError } from './errors.ts';
import { isWithin, type Place } from './place.ts';
import { printable } from './printable.ts';

export type Relation = 'same' | 'inside' | 'contains' | 'apart';

/** How `a` lies to `b`, by path, by file system or by inode, whichever finds them related. */
export function relation(a: Place, b: Place): Relation {
  if (isSame(a, b)) return 'same';
  if (isInside(a, b)) return 'inside';
  return isInside(b, a) ? 'contains' : 'apart';
}

function isSame(a: Place, b: Place): boolean {
  const [x, y] = [a.inFileSystem, b.inFileSystem];
  return (
    a.path === b.path ||
    a.identity === b.identity ||
    (x !== undefined && x.device === y?.device && x.path === y.path)
  );
}

function isInside(a: Place, b: Place): boolean {
  const [x, y] = [a.inFileSystem, b.inFileSystem];
  return (
    isWithin(a.path, b.path) ||
    a.above.includes(b.identity) ||
    (x !== undefined && y !== undefined && x.device === y.device && isWithin(x.path, y.path))
  );
}

/** @throws UsageError */
export function checkLayersApart(upper: Place, lower: readonly Place[]): void {
  lower.forEach((place, index) => {
    refuse('upperdir', upper, 'lowerdir', place);
    for (const other of lower.slice(0, index)) refuse('lowerdir', place, 'lowerdir', other);
  });
}

function refuse(nameA: string, a: Place, nameB: string, b: Place): void {
  const how = relation(a, b);
  if (how === 'apart') return;
  const words = how === 'same' ? 'is the same directory as' : how === 'inside' ? 'lies inside' : 'contains';
  throw new UsageError(
    'LAYERS_OVERLAP',
    `${nameA} ${printable(a.given)} ${words} ${nameB} ${printable(b.given)}: name directories that lie beside one another`,
  );
}

/**
 * The mount point may be the very directory that a layer shows elsewhere by a bind mount (that is how the old storage
 * stays reachable when the mount takes its place), but neither the layer's own path, nor in it, nor above it.
 * @throws UsageError
 */
export function checkMountpointApart(
  mountpoint: Place,
  layers: readonly { name: string; place: Place }[],
): void {
  for (const { name, place } of layers) {
    const how = mountpointRelation(mountpoint, place);
    if (how === undefined) continue;
    throw new UsageError(
      'MOUNTPOINT_OVERLAP',
      `mount point ${printable(mountpoint.given)} ${how} ${name} ${printable(place.given)}: ` +
        'mount elsewhere, or bind-mount the layer elsewhere and name it there',
    );
  }
}

function mountpointRelation(mountpoint: Place, layer: Place): string | undefined {
  if (mountpoint.path === layer.path) return 'is';
  if (isWithin(layer.path, mountpoint.path)) return 'contains';
  return !isSame(mountpoint, layer) && isInside(mountpoint, layer) ? 'lies inside' : undefined;
}
