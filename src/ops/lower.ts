// Which requests need which lower layers. They say so before they begin, and are put aside while a layer that hangs or is slow has as many workers
// as it may have (layers/lowerbound.ts); all others are served meanwhile.

import {
  fuse_copy_file_range_in,
  fuse_link_in,
  fuse_open_in,
  fuse_read_in,
  fuse_rename_in,
  type NodeId,
} from '../../protocol/index.ts';
import { newIdentity } from '../inodes/table.ts';
import type { FileSystem } from '../layers/filesystem.ts';
import { PARKED } from '../layers/locking.ts';
import { type LowerSet, lowerSet } from '../layers/lowerbound.ts';
import { UPPER } from '../layers/setup.ts';
import { lowerSides, topSides } from '../layers/sides.ts';
import { O_ACCMODE, O_RDONLY, O_TRUNC, S_IFDIR } from '../sys/constants.ts';
import type { Call, Handler } from './call.ts';

type Needs = (call: Call) => LowerSet;

const NOTHING: LowerSet = 0;

const identity = newIdentity();

/** Where the object lies that a node shows, if that is below. */
function shownBelow(fs: FileSystem, node: NodeId): LowerSet {
  return fs.table.type(node) === S_IFDIR ? topSides(fs, node) : fileBelow(fs, node);
}

/** Where any side of a node does. */
function reachesBelow(fs: FileSystem, node: NodeId): LowerSet {
  return fs.table.type(node) === S_IFDIR ? lowerSides(fs, node) : fileBelow(fs, node);
}

function fileBelow(fs: FileSystem, node: NodeId): LowerSet {
  const isBelow = fs.table.identity(node, identity) && identity.layer !== UPPER;
  return isBelow ? lowerSet(identity.layer) : NOTHING;
}

function bounded(needs: Needs, changes: (call: Call) => boolean, handler: Handler): Handler {
  return (call) => {
    const layers = needs(call);
    const entered = layers === NOTHING ? 0 : call.fs.lower.enter(layers, changes(call));
    return entered < 0 ? entered : handler(call);
  };
}

const always = () => true;
const never = () => false;

/** The handler asks for what the node shows. */
export const showing = (handler: Handler): Handler =>
  bounded(({ request, fs }) => shownBelow(fs, request.nodeid), never, handler);

/** It lets a handle go, which nothing may keep from being done. */
export const releasing = (handler: Handler): Handler => {
  const needs: Handler = showing(() => 0);
  return (call) => (needs(call) === PARKED ? PARKED : handler(call));
};

/** It changes the node, on each layer that has it, or brings it up. */
export const changingNode = (handler: Handler): Handler =>
  bounded(({ request, fs }) => reachesBelow(fs, request.nodeid), always, handler);

/** It opens a file, which for writing brings it up. */
export const opening = (handler: Handler): Handler =>
  bounded(({ request, fs }) => shownBelow(fs, request.nodeid), isForWriting, handler);

function isForWriting({ request }: Call): boolean {
  const flags = request.u32(fuse_open_in.offsets.flags);
  return (flags & O_ACCMODE) !== O_RDONLY || (flags & O_TRUNC) !== 0;
}

/** It lists a directory, or makes it durable. What has been collected by the first read lies in memory; READDIRPLUS looks each name up besides. */
export const listing = (handler: Handler): Handler =>
  bounded(({ request, fs }) => lowerSides(fs, request.nodeid), never, handler);

export const readingOn = (handler: Handler): Handler =>
  bounded(
    ({ request, fs }) =>
      request.signedInt64(fuse_read_in.offsets.offset) === 0 ? lowerSides(fs, request.nodeid) : NOTHING,
    never,
    handler,
  );

/** It changes names in the directory. */
export const naming = (handler: Handler): Handler =>
  bounded(({ request, fs }) => lowerSides(fs, request.nodeid), always, handler);

/** It names a second directory, `at` in the request. */
const namingTwo = (handler: Handler, at: number): Handler =>
  bounded(
    ({ request, fs }) => lowerSides(fs, request.nodeid) | lowerSides(fs, request.nodeId(at)),
    always,
    handler,
  );

/** RENAME and RENAME2, which have it in the same place. */
export const moving = (handler: Handler): Handler => namingTwo(handler, fuse_rename_in.offsets.newdir);

export const linking = (handler: Handler): Handler =>
  bounded(
    ({ request, fs }) =>
      lowerSides(fs, request.nodeid) | shownBelow(fs, request.nodeId(fuse_link_in.offsets.oldnodeid)),
    always,
    handler,
  );

/** Data go from one file to another, which is open for writing, so on the upper layer. */
export const copying = (handler: Handler): Handler =>
  bounded(
    ({ request, fs }) =>
      shownBelow(fs, request.nodeid) |
      shownBelow(fs, request.nodeId(fuse_copy_file_range_in.offsets.nodeid_out)),
    never,
    handler,
  );

/** It looks a name up, of which the upper layer is asked first: `locate` says when it goes on below. */
export const lookingUp = (handler: Handler): Handler => {
  const below = showing(handler);
  return (call) => {
    call.fs.lower.mayNeed();
    return below(call);
  };
};
