// Defect 3: two hosts gave the temporary copies in one directory the same name: a file was published with the bytes of another, and the
// second opener of the same file got ENOENT and lost his append.

import { readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { BACKING, hostsTest, list } from './hosts.ts';
import { whereIs } from './support.ts';

const SIZE = 300_000;

for (const point of ['copyup.temporary', 'copyup.data', 'copyup.ready'] as const) {
  for (const sick of [undefined, 'upper'] as const) {
    // Has O_TMPFILE or not: one point will do. A network file system has none anyway.
    if (sick && (point !== 'copyup.data' || BACKING !== 'dir')) continue;
    const storage =
      sick === undefined && BACKING === 'dir' ? 'a storage with O_TMPFILE' : 'a storage without it';
    await hostsTest(
      t,
      `both at ${point}, on ${storage}`,
      {
        ...(sick === undefined ? {} : { sick, root: true }),
        prepare: ({ lower: [lower] }) => {
          for (const name of ['same', 'one', 'two']) writeFileSync(`${lower}/${name}`, name.repeat(SIZE));
        },
      },
      async (t, m) => {
        const read = (name: string) => readFileSync(`${m.mnt}/${name}`, 'utf8');
        const both = async (first: string, second: string) => {
          const stopped = [m.a.faults.pause(point), m.b.faults.pause(point)];
          const ended = [m.a.run(first), m.b.run(second)];
          // What has its hidden source with the other host waits for him; the temporaries are there by then.
          const [there, other] = [await stopped[0]?.(), await stopped[1]?.()];
          other?.go();
          t.equal(await ended[1], 'ok', 'who came second is the first to go on');
          there?.go();
          t.equal(await ended[0], 'ok');
        };
        await both('echo a >>one', 'echo b >>two');
        t.ok(read('one') === `${'one'.repeat(SIZE)}a\n`, 'the bytes of one, and what was written to it');
        t.ok(read('two') === `${'two'.repeat(SIZE)}b\n`, 'the bytes of two, and what was written to it');
        await both('echo a >>same', 'echo b >>same');
        t.ok(read('same') === `${'same'.repeat(SIZE)}b\na\n`, 'both appends, once each');
        for (const name of ['same', 'one', 'two']) t.equal(whereIs(m, name), 'upper');
        t.same(list(`${m.upper}/.migratefs/aside`), [], 'nothing had to be kept');
      },
    );
  }
}
