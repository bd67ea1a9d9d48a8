// The POSIX suite on ext4: every layout of layers, with one worker and with eight.

import t from 'tap';
import { conformance } from '../posix/conformance.ts';

await conformance(t, 'ext4', { threads: ['1', '8'] });
