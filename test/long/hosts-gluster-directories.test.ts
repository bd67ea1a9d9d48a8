// What two hosts do to the same directory at the same moment, forced step by step, on GlusterFS volumes that each of them mounts.

import t from 'tap';
import { isShort } from './support.ts';

process.env.MIGRATEFS_HOSTS_BACKING = 'gluster';
await import('../mounted/hosts-listing.test.ts');
if (isShort) t.test('hosts-merged on GlusterFS', { skip: 'MIGRATEFS_LONG_SCALE is less than 1' }, () => {});
else await import('../mounted/hosts-merged.test.ts');
