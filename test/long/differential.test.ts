// The differential test over 200 seeds of 500 operations: 100,000 of them, without a difference.

process.env.MIGRATEFS_DIFFERENTIAL_SEEDS ??= '200';
process.env.MIGRATEFS_DIFFERENTIAL_OPS ??= '500';
await import('../differential/differential.test.ts');
