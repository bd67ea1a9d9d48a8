// The POSIX suite on btrfs: every layout of layers, with one worker or with eight in turn.

import t from 'tap';
import { conformance } from '../posix/conformance.ts';

await conformance(t, 'btrfs', { threads: ['8', '1'], inTurn: true });
