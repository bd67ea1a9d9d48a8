// What two hosts do to the same file at the same moment, forced step by step, on GlusterFS volumes that each of them mounts.

import t from 'tap';
import { isShort } from './support.ts';

process.env.MIGRATEFS_HOSTS_BACKING = 'gluster';
await import('../mounted/defects-03-two-hosts.test.ts');
await import('../mounted/hosts-copyup.test.ts');
await import('../mounted/hosts-links.test.ts');
await import('../mounted/hosts-taken-back.test.ts');
if (isShort) t.test('hosts-late on GlusterFS', { skip: 'MIGRATEFS_LONG_SCALE is less than 1' }, () => {});
else await import('../mounted/hosts-late.test.ts');
