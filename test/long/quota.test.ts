// Quotas of users and projects on ext4 and xfs (test/mounted/quota.test.ts), whether or not this machine's kernel keeps any.

import t from 'tap';
import { underOtherKernel } from './otherkernel.ts';

await underOtherKernel(t, 'test/mounted/quota.test.ts');
