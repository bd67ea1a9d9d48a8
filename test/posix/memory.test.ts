// The POSIX suite on tmpfs, where nothing waits for a disk. What it takes from the environment is in docs/testing.md.

import t from 'tap';
import { backings, conformance } from './conformance.ts';

if (backings(['tmpfs']).includes('tmpfs')) await conformance(t, 'tmpfs');
else t.pass('tmpfs was not asked for');
