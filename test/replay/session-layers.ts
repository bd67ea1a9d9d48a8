// The layers under a transcript: a recipe lays them out, a snapshot says what has become of them.

import * as fs from 'node:fs';
import { join } from 'node:path';
import { cstring } from '../../src/sys/cstring.ts';
import { setxattr } from '../../src/sys/xattr.ts';

/** One thing in a layer. Parents come before what is in them. */
export interface Item {
  readonly path: string;
  readonly mode: string;
  /** A regular file's content. */
  readonly text?: string;
  /** A symbolic link's target. */
  readonly target?: string;
  /** The path of an earlier item that this is another name of. */
  readonly sameAs?: string;
  readonly xattrs?: { readonly [name: string]: string };
}

export interface Recipe {
  readonly upper: readonly Item[];
  readonly lower: readonly Item[];
}

/** What everything is last changed at, in seconds: long before a recording, so that a preserved time shows. */
export const OLD = 100_000_000;

export const LAYERS = ['upper', 'lower'] as const;

/** Makes `upper` and `lower` under `folder`. */
export function layOut(folder: string, recipe: Recipe): void {
  for (const layer of LAYERS) {
    const root = join(folder, layer);
    fs.mkdirSync(root);
    fs.chmodSync(root, 0o755); // the umask is what the file system has left it at
    for (const item of recipe[layer]) make(root, item);
    const links = recipe[layer].filter(({ target }) => target !== undefined);
    for (const { path } of links) fs.lutimesSync(join(root, path), OLD, OLD);
    const others = recipe[layer].filter(({ target }) => target === undefined);
    for (const { path } of others.toReversed()) fs.utimesSync(join(root, path), OLD, OLD);
    fs.utimesSync(root, OLD, OLD);
  }
}

function make(root: string, { path, mode, text, target, sameAs, xattrs = {} }: Item): void {
  const full = join(root, path);
  if (sameAs !== undefined) fs.linkSync(join(root, sameAs), full);
  else if (target !== undefined) fs.symlinkSync(target, full);
  else if (text === undefined) fs.mkdirSync(full);
  else fs.writeFileSync(full, text);
  if (target === undefined) fs.chmodSync(full, Number.parseInt(mode, 8));
  for (const [name, value] of Object.entries(xattrs)) {
    const bytes = Buffer.from(value);
    const result = setxattr(cstring(full), cstring(name), bytes, bytes.length, 0);
    if (result < 0) throw new Error(`${name} of ${full}: errno ${-result}`);
  }
}

export type Snapshot = { readonly [layer in (typeof LAYERS)[number]]: { readonly [path: string]: string } };

/** Each path with its type, mode, link count (files), content, and time of change if it is an old one. Ours is left out. */
export function snapshot(folder: string): Snapshot {
  return { upper: look(join(folder, 'upper')), lower: look(join(folder, 'lower')) };
}

function look(root: string): { [path: string]: string } {
  const paths = (fs.readdirSync(root, { recursive: true }) as string[]).filter(
    (path) => !/^\.migratefs/.test(path),
  );
  return Object.fromEntries(paths.sort().map((path) => [path, describe(join(root, path))]));
}

function describe(path: string): string {
  const stat = fs.lstatSync(path);
  const mode = (stat.mode & 0o7777).toString(8);
  const time = stat.mtimeMs < 1e12 ? ` at ${stat.mtimeMs / 1000}` : '';
  if (stat.isDirectory()) return `directory ${mode}${time}`;
  if (stat.isSymbolicLink()) return `link to ${fs.readlinkSync(path)}${time}`;
  if (stat.isFile())
    return `file ${mode} x${stat.nlink} ${JSON.stringify(fs.readFileSync(path, 'latin1'))}${time}`;
  return `other ${mode}`;
}
