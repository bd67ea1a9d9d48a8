// The POSIX suite on xfs: every layout of layers, with one worker and with eight.

import t from 'tap';
import { conformance } from '../posix/conformance.ts';

await conformance(t, 'xfs', { threads: ['1', '8'] });
