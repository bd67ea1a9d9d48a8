// The POSIX suite on the file systems of disks: ext4, or those that are asked for; for an ordinary user the directory for temporary files. The
// layouts that differ most; all of them, on all file systems, are in test/long.
// What it takes from the environment is in docs/testing.md.

import t from 'tap';
import { isRoot } from '../mounted/support.ts';
import { backings, conformance } from './conformance.ts';

const asked = backings(isRoot ? ['ext4'] : ['dir']).filter((backing) => backing !== 'tmpfs');
for (const backing of asked) await conformance(t, backing, { layouts: ['lower', 'merged'] });
if (asked.length === 0) t.pass('no file system of a disk was asked for');
