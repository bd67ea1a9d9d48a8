// The hosts' stress on GlusterFS volumes of one brick, which each host mounts itself: fewer and slower steps, on storages without flags of renameat2(2).

import { scaled } from './support.ts';

process.env.MIGRATEFS_HOSTS_BACKING = 'gluster';
// Laying, reading and removing a tree take longer there than the work in it.
process.env.MIGRATEFS_HOSTS_STRESS_SECONDS ??= `${scaled(10)}`;
await import('./hosts-stress.test.ts');
