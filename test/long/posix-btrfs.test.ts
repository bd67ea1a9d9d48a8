// The POSIX suite on btrfs: every layout of layers, with one worker and with eight.

import t from 'tap';
import { conformance } from '../posix/conformance.ts';

await conformance(t, 'btrfs', { threads: ['1', '8'] });
