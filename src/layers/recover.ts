// What a daemon that died was about to do in several layers (intent.ts): where users see it done, it is finished; elsewhere what was done of
// it is undone, in the reverse order. Run at the start of a mount for daemons of this host, and by vigil.ts for any; before the sweep, which takes
// for leftovers what waits aside.

import { readdir } from 'node:fs/promises';
import { EACCES, EFBIG, ENOENT, ESTALE, errnoName } from '../../protocol/errno.ts';
import type { Log } from '../log/log.ts';
import {
  AT_REMOVEDIR,
  O_CLOEXEC,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  RENAME_EXCHANGE,
} from '../sys/constants.ts';
import { type CString, cstring } from '../sys/cstring.ts';
import { close, openat } from '../sys/fd.ts';
import { renameat2, unlinkat } from '../sys/path.ts';
import { identityAt, isLayerMark, markedLayer } from './identity.ts';
import type { Intent, Step } from './intent.ts';
import { eachLeftover, sweepMarks } from './leftovers.ts';
import { type IsGone, type Maker, makerOf } from './maker.ts';
import { isMoveMark, removeMoveMarks } from './movemarks.ts';
import { moveNewDirectory } from './movenew.ts';
import { privateName } from './private.ts';
import { readOurs } from './readours.ts';
import type { FileSystemSetup, LayerSetup } from './setup.ts';
import { UPPER } from './setup.ts';
import { bytesOf, isName, isSpot, openParent, pathOfSpot, textOf } from './spot.ts';
import { syncDirectory } from './sync.ts';

/** @param isGone whose records are wanted. */
export function recover(setup: FileSystemSetup, log: Log, isGone: IsGone): void {
  const upper = setup.layers[UPPER] as LayerSetup;
  const finish = (folder: number, name: CString) => recoverOne(setup, folder, name, log);
  const read = eachLeftover(upper, 'intents', isGone, finish) || sweepMarks(upper, 'intents');
  if (read < 0) log.error('recovery_failed', { layer: upper.path, error: errnoName(-read) });
}

/** Whose records there are, asked beside the event loop. @throws what the storage answers */
export async function makersOfIntents({ layers }: FileSystemSetup): Promise<Maker[]> {
  const { ours } = layers[UPPER] as LayerSetup;
  const names = await readdir(`/proc/self/fd/${ours}/intents`, 'latin1').catch((error) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return names.flatMap((name) => makerOf(cstring(name)) ?? []);
}

function recoverOne({ layers, host }: FileSystemSetup, folder: number, found: CString, log: Log): void {
  const record = found.subarray(0, -1);
  const intent = readIntent(folder, found);
  if (intent === undefined) return; // another host has it
  if (intent === CUT_SHORT) {
    const removed = unlinkat(folder, found, 0);
    if (removed < 0 && removed !== -ENOENT)
      log.warn('intent_kept', { name: record, error: errnoName(-removed) });
    return;
  }
  if (typeof intent === 'string') {
    log.error('intent_unreadable', { record, error: intent, mend: 'look at it, and remove it' });
    return;
  }
  const steps = intent.steps.map((step) => openStep(layers, intent, step));
  const what = { record, from: pathOfSpot(intent.from), to: pathOfSpot(intent.to) };
  const last = steps.at(-1);
  const name = privateName({ host, worker: 0 });
  if (steps.some((step) => step === undefined) || last === undefined) {
    log.error('intent_of_other_layers', { ...what, mend: 'mount the layers that it was made for' });
  } else {
    // It is this daemon's from then on: of several hosts one gets so far, and should this one die as well, it is found again.
    const taken = renameat2(folder, found, folder, name, 0);
    if (taken === 0) {
      const whole = carryOut(steps as OpenStep[], last, what, log);
      // Where it is torn for good its users go on with what there is.
      removeMoveMarks(folder, name, intent.marks);
      if (whole) dropRecord(folder, name, log);
    } else if (taken !== -ENOENT) log.error('recovery_failed', { ...what, error: errnoName(-taken) });
  }
  for (const step of steps) {
    if (step === undefined) continue;
    for (const fd of [step.from, step.to]) if (fd >= 0) close(fd);
  }
}

/** @returns whether all of it is done or undone: the record says nothing any more. */
function carryOut(
  steps: OpenStep[],
  last: OpenStep,
  what: Readonly<Record<string, Uint8Array>>,
  log: Log,
): boolean {
  const done = isDone(last);
  const failed = done ? steps.flatMap(dropAside) : steps.toReversed().flatMap(undo);
  for (const { path, error } of failed) {
    log.error('rename_torn', { ...what, layer: path, error, mend: 'rename it back in that layer by hand' });
  }
  if (failed.length === 0) log.info(done ? 'rename_finished' : 'rename_undone', what);
  return failed.length === 0;
}

function dropRecord(folder: number, name: CString, log: Log): void {
  const removed = unlinkat(folder, name, 0);
  if (removed < 0) log.warn('intent_kept', { name: textOf(name), error: errnoName(-removed) });
}

/** What a record is that its maker died over: written whole, and synced, before anything is done. */
const CUT_SHORT = Symbol('cut short');

/** More bytes than a record has whose names are thousands of directories deep. */
const MAX = 1 << 24;

/** @returns the record, undefined where it is not there, or what is wrong with it. */
function readIntent(folder: number, name: CString): Intent | typeof CUT_SHORT | string | undefined {
  const read = readOurs(folder, name, MAX + 1);
  if (read === -ENOENT) return undefined;
  if (typeof read === 'number') return errnoName(read);
  const { bytes, links } = read;
  if (bytes.length > MAX) return errnoName(EFBIG);
  const text = Buffer.from(bytes).toString('utf8');
  if (!text.endsWith('\n')) return CUT_SHORT;
  try {
    const intent = JSON.parse(text);
    if (!isIntent(intent)) return 'not a record of this version';
    // Its marks are links of it, as far as they were made.
    return links <= 1 + intent.marks.length ? intent : errnoName(EACCES);
  } catch {
    return 'not a record';
  }
}

function isIntent(value: unknown): value is Intent {
  const { version, from, to, steps, marks } = (value ?? {}) as Partial<Intent>;
  if (version !== 1 || !isSpot(from) || !isSpot(to)) return false;
  return Array.isArray(steps) && steps.every(isStep) && Array.isArray(marks) && marks.every(isMoveMark);
}

function isStep(value: unknown): value is Step {
  if (!isLayerMark(value)) return false;
  const { first = '', second = '', aside } = value as Step;
  // Nothing but what we have put there ourselves comes out of our folder, or goes from it.
  const known = aside === undefined || (isName(aside) && makerOf(bytesOf(aside)) !== undefined);
  return typeof first === 'string' && typeof second === 'string' && known;
}

/** A step with its directories open, negative where they are not there. */
interface OpenStep extends Step {
  readonly path: string;
  readonly root: LayerSetup;
  readonly from: number;
  readonly to: number;
  readonly fromName: CString;
  readonly toName: CString;
}

function openStep(layers: readonly LayerSetup[], intent: Intent, step: Step): OpenStep | undefined {
  const root = markedLayer(layers, step);
  if (root === undefined) return undefined;
  return {
    ...step,
    path: root.path,
    root,
    from: openParent(root.fd, intent.from),
    to: openParent(root.fd, intent.to),
    fromName: bytesOf(intent.from.name),
    toName: bytesOf(intent.to.name),
  };
}

const at = (dir: number, name: CString) => (dir < 0 ? undefined : identityAt(dir, name));

function isDone({ from, to, fromName, toName, first, second }: OpenStep): boolean {
  if (first !== undefined) return at(to, toName) === first;
  return second !== undefined && at(from, fromName) === second;
}

interface Failure {
  readonly path: string;
  readonly error: string | undefined;
}

function undo(step: OpenStep): Failure[] {
  const { path, from, to, fromName, toName, first, second } = step;
  let result = 0;
  if (isDone(step)) {
    const both = first !== undefined && second !== undefined;
    // A step has both directories; what is not there is negative, and would be taken for a number of a descriptor.
    if (from < 0 || to < 0) result = Math.min(from, to);
    else if (both && at(from, fromName) !== second) result = -ESTALE;
    else if (both) result = renameat2(to, toName, from, fromName, RENAME_EXCHANGE);
    else if (first !== undefined) result = moveNewDirectory(to, toName, from, fromName);
    else result = moveNewDirectory(from, fromName, to, toName);
  }
  if (result === 0) result = putAsideBack(step);
  if (result === 0) for (const dir of [from, to]) if (dir >= 0) syncDirectory(dir);
  return result < 0 ? [{ path, error: errnoName(-result) }] : [];
}

function putAsideBack({ aside, root, to, toName }: OpenStep): number {
  if (aside === undefined) return 0;
  if (to < 0) return to;
  const result = withWork(root, (work) => moveNewDirectory(work, bytesOf(aside), to, toName));
  return result === -ENOENT ? 0 : result;
}

function dropAside({ aside, root, path }: OpenStep): Failure[] {
  if (aside === undefined) return [];
  const result = withWork(root, (work) => unlinkat(work, bytesOf(aside), AT_REMOVEDIR));
  return result < 0 && result !== -ENOENT ? [{ path, error: errnoName(-result) }] : [];
}

function withWork({ ours }: LayerSetup, work: (fd: number) => number): number {
  const fd = openat(ours, cstring('work'), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return fd;
  const result = work(fd);
  close(fd);
  return result;
}
