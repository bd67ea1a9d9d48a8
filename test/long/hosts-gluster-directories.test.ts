// What two hosts do to the same directory at the same moment, forced step by step, on GlusterFS volumes that each of them mounts.

process.env.MIGRATEFS_HOSTS_BACKING = 'gluster';
await import('../mounted/hosts-listing.test.ts');
await import('../mounted/hosts-merged.test.ts');
