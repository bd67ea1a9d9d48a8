// The POSIX suite on tmpfs: every layout of layers, with one worker or with eight in turn.

import t from 'tap';
import { conformance } from '../posix/conformance.ts';

await conformance(t, 'tmpfs', { threads: ['1', '8'], inTurn: true });
