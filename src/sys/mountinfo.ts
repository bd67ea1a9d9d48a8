/**
 * What is mounted where, from /proc/self/mountinfo (proc_pid_mountinfo(5)). Never touches a mount itself: a mount whose
 * daemon hangs must not hang those who ask about it.
 */
import { readFileSync } from 'node:fs';

export interface MountEntry {
  readonly id: number;
  /** `major:minor` of the file system. */
  readonly device: string;
  /** The directory of the file system that is mounted. */
  readonly root: string;
  readonly point: string;
  readonly type: string;
  readonly source: string;
  /** Who mounted it, of a FUSE mount. */
  readonly owner: number | undefined;
  /** It cannot be mounted at a second place. */
  readonly unbindable: boolean;
}

/** In the order of mounting: of several on one point the last is seen. */
export function readMounts(file = '/proc/self/mountinfo'): MountEntry[] {
  return readFileSync(file, 'utf8').split('\n').flatMap(parseLine);
}

function parseLine(line: string): MountEntry[] {
  const fields = line.split(' ');
  const dash = fields.indexOf('-', 6);
  const [id, , device, root, point] = fields;
  const [type, source, own = ''] = dash < 0 ? [] : fields.slice(dash + 1);
  if (!id || !device || !root || !point || !type) return [];
  return [
    {
      id: Number(id),
      device,
      root: decode(root),
      point: decode(point),
      type,
      source: decode(source ?? ''),
      owner: ownerOf(own),
      unbindable: fields.slice(6, dash).includes('unbindable'),
    },
  ];
}

function ownerOf(options: string): number | undefined {
  const id = /(?:^|,)user_id=(\d+)/.exec(options)?.[1];
  return id === undefined ? undefined : Number(id);
}

/** `\040` and the like stand for one byte each. */
function decode(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/** What lies on top at a mount point. */
export function mountAt(point: string, mounts = readMounts()): MountEntry | undefined {
  return mounts.findLast((mount) => mount.point === point);
}

/** The number by which fusectl knows a FUSE mount: the minor of its device, as the kernel packs it. */
export function connectionOf(mount: MountEntry | undefined): number | undefined {
  const minor = Number(mount?.device.split(':')[1]);
  return Number.isInteger(minor) ? minor : undefined;
}
