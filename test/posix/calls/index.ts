// All calls of the suite. Each returns what the system call returns: a number from 0 on, or an errno, negative.

import { fileCalls } from './files.ts';
import { lockCalls } from './locks.ts';
import { metadataCalls } from './metadata.ts';
import { nameCalls } from './names.ts';
import { transferCalls } from './transfers.ts';

export const calls = { ...nameCalls, ...fileCalls, ...metadataCalls, ...lockCalls, ...transferCalls };
export type Calls = typeof calls;
