/**
 * THE table of mount options: what each is called, what it takes, what it does and how `--help` and the README
 * describe it. An option without a row is refused; the parser knows nothing that is not said here.
 */
import { MS } from './mount-flags.ts';

export type OptionRow = { name: string; help: string; group: Group } & Kind;

export type Group = 'layers' | 'behaviour' | 'daemon' | 'mount';

export type Kind =
  /** `name=value`, taken as text. `list`: `:` separates, `\:` escapes it. */
  | { kind: 'text' | 'list'; value: string }
  | { kind: 'choice'; choices: readonly string[]; initial: string; unavailable?: Record<string, string> }
  | { kind: 'number'; min: number; max: number }
  | { kind: 'size'; min: number; max: number; initial: string }
  | { kind: 'switch' }
  /** A flag of mount(2): bits to set and to clear. Options that touch the same bits contradict one another. */
  | { kind: 'flag'; set: number; clear: number }
  /** Given to the kernel as it is. */
  | { kind: 'kernel'; value: string }
  /** For mount(8), fstab and systemd: of no meaning here. `value`: may carry one. */
  | { kind: 'ignored'; value: boolean }
  /** Known from elsewhere, not offered; the help says why. Not listed by --help. */
  | { kind: 'refused' };

const NOT_YET = 'not available in this version';

function flag(name: string, set: number, clear: number, help: string): OptionRow {
  return { name, kind: 'flag', set, clear, group: 'mount', help };
}

function kernel(name: string): OptionRow {
  return {
    name,
    kind: 'kernel',
    value: 'LABEL',
    group: 'mount',
    help: 'security label, as mount(8) has it (root)',
  };
}

function ignored(name: string, value = false): OptionRow {
  return {
    name,
    kind: 'ignored',
    value,
    group: 'mount',
    help: 'accepted: of use to mount(8), fstab and systemd only',
  };
}

function refused(name: string, help: string): OptionRow {
  return { name, kind: 'refused', group: 'mount', help };
}

// biome-ignore format: a table
export const OPTIONS: readonly OptionRow[] = [
  { name: 'lowerdir', kind: 'list', value: 'A[:B…]', group: 'layers', help: 'the old storage; of several, A lies above B. \\: and \\\\ stand for : and \\' },
  { name: 'upperdir', kind: 'text', value: 'DIR', group: 'layers', help: 'the new storage' },

  { name: 'lower', kind: 'choice', choices: ['drain', 'keep'], initial: 'drain', unavailable: { keep: NOT_YET }, group: 'behaviour', help: 'drain: what is migrated or deleted leaves the old storage' },
  { name: 'metadata', kind: 'choice', choices: ['layer', 'copyup'], initial: 'layer', group: 'behaviour', help: 'chmod, chown and the like of an old file: change it where it lies, or migrate it' },
  { name: 'xattrs', kind: 'choice', choices: ['strict', 'best-effort'], initial: 'strict', group: 'behaviour', help: 'attributes that the new storage cannot hold: refuse to migrate, or leave them out' },
  { name: 'permissions', kind: 'choice', choices: ['default', 'layer'], initial: 'default', group: 'behaviour', help: 'who checks: the kernel and the layer, or the layer alone (NFSv4 ACLs; nothing is cached)' },
  { name: 'cache', kind: 'choice', choices: ['none', 'shared', 'exclusive'], initial: 'shared', group: 'behaviour', help: 'names and attributes may be 0 s, 1 s or a day old; exclusive: no other host or program changes the layers' },
  { name: 'locks', kind: 'choice', choices: ['local', 'cluster'], initial: 'local', group: 'behaviour', help: 'file locks (flock, fcntl) hold on this host, or on all hosts of the same layers' },
  { name: 'handles', kind: 'choice', choices: ['forget', 'keep'], initial: 'forget', group: 'behaviour', help: 'file handles (NFS servers use them) end when the kernel forgets the object, or are kept while there is room' },
  { name: 'passthrough', kind: 'choice', choices: ['off', 'upper'], initial: 'off', group: 'behaviour', help: 'the kernel (6.9 and later) reads and writes files of the new storage by itself, where the daemon is root' },

  { name: 'threads', kind: 'number', min: 1, max: 64, group: 'daemon', help: 'at most N requests are served at a time (default: 2 for each core, 4 to 16, and up to 24 while they wait for a storage)' },
  { name: 'inode-memory', kind: 'size', min: 2 ** 20, max: 2 ** 40, initial: '8G', group: 'daemon', help: 'address space reserved for the table of inodes, by default at most half of the memory; K, M, G, T' },
  { name: 'journal', kind: 'choice', choices: ['on', 'off'], initial: 'on', group: 'daemon', help: 'a record in .migratefs/journal on the new storage of each file that is migrated, renamed or deleted, or none' },
  { name: 'journal-size', kind: 'size', min: 2 ** 16, max: 2 ** 40, initial: '64M', group: 'daemon', help: 'from this size on a new file of the journal is begun; eight old ones are kept' },
  { name: 'log-file', kind: 'text', value: 'FILE', group: 'daemon', help: 'where the log goes; same as --log-file' },
  { name: 'auto_unmount', kind: 'switch', group: 'daemon', help: 'unmount when the daemon is killed' },

  { name: 'fsname', kind: 'text', value: 'NAME', group: 'mount', help: 'name shown as the source of the mount (default: SOURCE, else the new storage)' },
  { name: 'subtype', kind: 'choice', choices: ['migratefs'], initial: 'migratefs', group: 'mount', help: 'fixed' },
  { name: 'mounted-layers', kind: 'switch', group: 'mount', help: 'refuse where the directory of a layer lies on the file system of /, as on a host that has not mounted it' },
  { name: 'nonempty', kind: 'switch', group: 'mount', help: 'the mount point need not be empty' },
  { name: 'allow_other', kind: 'switch', group: 'mount', help: 'serve all users (root: always so; others: refused)' },
  { name: 'default_permissions', kind: 'switch', group: 'mount', help: 'the kernel checks permissions (it does, unless permissions=layer)' },

  flag('ro', MS.RDONLY, 0, 'read only: nothing is migrated or changed'),
  flag('rw', 0, MS.RDONLY, 'not read only (default)'),
  flag('nosuid', MS.NOSUID, 0, 'set-user-id bits and file capabilities are of no effect (a user\'s mount: always)'),
  flag('suid', 0, MS.NOSUID, 'they are (default for root)'),
  flag('nodev', MS.NODEV, 0, 'device nodes cannot be opened (a user\'s mount: always)'),
  flag('dev', 0, MS.NODEV, 'they can (default for root)'),
  flag('noexec', MS.NOEXEC, 0, 'no program may be run'),
  flag('exec', 0, MS.NOEXEC, 'programs may be run (default)'),
  flag('noatime', MS.NOATIME, MS.RELATIME | MS.STRICTATIME, 'access times as in mount(8), as far as the layers keep them'),
  flag('atime', 0, MS.NOATIME, 'the same'),
  flag('relatime', MS.RELATIME, MS.NOATIME | MS.STRICTATIME, 'the same'),
  flag('norelatime', 0, MS.RELATIME, 'the same'),
  flag('strictatime', MS.STRICTATIME, MS.NOATIME | MS.RELATIME, 'the same'),
  flag('nostrictatime', 0, MS.STRICTATIME, 'the same'),
  flag('lazytime', MS.LAZYTIME, 0, 'the same'),
  flag('nolazytime', 0, MS.LAZYTIME, 'the same'),
  flag('nodiratime', MS.NODIRATIME, 0, 'the same'),
  flag('diratime', 0, MS.NODIRATIME, 'the same'),
  flag('sync', MS.SYNCHRONOUS, 0, 'writes are synchronous'),
  flag('async', 0, MS.SYNCHRONOUS, 'they are not (default)'),
  flag('dirsync', MS.DIRSYNC, 0, 'changes of directories are synchronous'),

  kernel('context'), kernel('fscontext'), kernel('defcontext'), kernel('rootcontext'),

  ignored('defaults'), ignored('_netdev'), ignored('nofail'), ignored('auto'), ignored('noauto'), ignored('nouser'),
  ignored('user', true), ignored('users'), ignored('owner'), ignored('group'), ignored('comment', true),

  refused('workdir', 'no working directory is needed: leave it out'),
  refused('allow_root', 'a mount serves its user alone, or everybody when root mounts: leave it out'),
  refused('remount', 'a mount cannot be changed while it lives: unmount it, then mount it anew'),
  refused('bind', 'mount --bind does that'),
  refused('max_read', 'migratefs chooses it: leave it out'),
  refused('blksize', 'migratefs chooses it: leave it out'),
];

/** `x-…` and `X-…` are notes for other programs. */
export const NOTE = /^[xX]-/;

/** What mount(8) makes of these, unless suid, dev or exec is asked for too. */
export const IMPLIED: Readonly<Record<string, readonly string[]>> = {
  user: ['nosuid', 'nodev', 'noexec'],
  users: ['nosuid', 'nodev', 'noexec'],
  owner: ['nosuid', 'nodev'],
  group: ['nosuid', 'nodev'],
};

const byName = new Map(OPTIONS.map((row) => [row.name, row]));

export function optionRow(name: string): OptionRow | undefined {
  return byName.get(name);
}
