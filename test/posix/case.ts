// A case of the suite: what is there at the start, what is done, and what must come of it. A case knows nothing of layers: it works in its
// own directory, which is the working directory, and is run on a plain directory and on mounts whose layers hold what it was given.

import type { Context } from './context.ts';
import type { LayoutName } from './layouts.ts';

export interface Attributes {
  mode?: number;
  uid?: number;
  gid?: number;
  xattrs?: Record<string, string>;
  /** Nanoseconds since 1970. Default: a time long ago. Access time is the same. */
  mtime?: bigint;
}

/** Something that is there at the start. */
export type Thing = Attributes &
  (
    | { kind: 'dir' }
    | { kind: 'file'; content: string | Uint8Array; size?: number }
    | { kind: 'symlink'; target: string }
    | { kind: 'fifo' | 'socket' }
    | { kind: 'char' | 'block'; major: number; minor: number }
    | { kind: 'link'; to: string }
  );

export const dir = (more: Attributes = {}): Thing => ({ kind: 'dir', mode: 0o755, ...more });
/** `size` past the content makes a hole behind it. */
export const file = (
  content: string | Uint8Array = '',
  more: Attributes & { size?: number } = {},
): Thing => ({
  kind: 'file',
  mode: 0o644,
  content,
  ...more,
});
export const symlink = (target: string, more: Attributes = {}): Thing => ({
  kind: 'symlink',
  target,
  ...more,
});
export const fifo = (more: Attributes = {}): Thing => ({ kind: 'fifo', mode: 0o644, ...more });
export const socket = (more: Attributes = {}): Thing => ({ kind: 'socket', mode: 0o644, ...more });
/** A character device; needs root, say it in the case. */
export const char = (major: number, minor: number, more: Attributes = {}): Thing => ({
  kind: 'char',
  mode: 0o644,
  major,
  minor,
  ...more,
});
export const block = (major: number, minor: number, more: Attributes = {}): Thing => ({
  kind: 'block',
  mode: 0o644,
  major,
  minor,
  ...more,
});
/** Another name of the file at `to`, a path of the same case. */
export const hardlink = (to: string): Thing => ({ kind: 'link', to });

/** Path below the case's directory → what is there; '.' is that directory itself. Parents need not be named. */
export type Given = Record<string, Thing>;

export interface Case {
  /** `rename: EEXIST with NOREPLACE when the target is there`; `cases` puts the family in front. */
  name: string;
  given?: Given;
  /** Needs root: other users, device nodes, trusted attributes. Skipped for ordinary users. */
  root?: boolean;
  /** A program that it runs. Skipped where there is none, or failed with MIGRATEFS_REQUIRE_MOUNT=1. */
  needs?: string;
  /** File systems on which this cannot be done, with the reason; skipped there. */
  unless?: Partial<Record<FileSystemName, string>>;
  /**
   * Where a mount is known to differ from a plain directory, and why; docs/semantics.md names each. The case must then end with the
   * failure that `sees` is part of, so that no deviation is forgotten once it is gone. `mounted`: on all layouts but `plain`; `passthrough`: as
   * `mounted`, with that option, where it may pass as well.
   */
  deviates?: Partial<Record<LayoutName | 'mounted' | 'passthrough', { sees: string; why: string }>>;
  run: (c: Context) => void;
}

/** What a case may ask for: the file system that the layers lie on, by its magic number. */
export type FileSystemName = 'ext4' | 'xfs' | 'btrfs' | 'tmpfs' | 'other';

/** Cases of one family, each named after it. A file of cases exports them as its default. */
export function cases(family: string, list: Case[]): Case[] {
  return list.map((each) => ({ ...each, name: `${family}: ${each.name}` }));
}
