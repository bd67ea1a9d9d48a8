// A merged directory of a hundred thousand names: each is listed once, whatever changes meanwhile, and the daemon keeps none of it.

import { readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { type Entry, namesOf, Reader } from './reader.ts';
import { type Mounted, mountTest, sh } from './support.ts';

const COUNT = 100_000;
const nameOf = (i: number) => `name-${i}`;

/** Names from 0 on the new storage, up to the last on the old one; a fifth on both. */
function prepare({ upper, lower: [lower = ''] }: { upper: string; lower: string[] }): void {
  for (const [layer, from, to] of [
    [upper, 0, 0.6 * COUNT],
    [lower, 0.4 * COUNT, COUNT],
  ] as const)
    sh('mkdir many; cd many; seq -f name-%.0f "$1" "$2" | xargs touch', {
      cwd: layer,
      args: [`${from}`, `${to - 1}`],
    });
}

/** Anonymous memory of the daemon in MiB. */
const memory = (m: Mounted): number =>
  Number(/^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${m.daemonPid}/status`, 'latin1'))?.[1]) / 1024;

await mountTest(
  t,
  'a hundred thousand names of two layers, listed while they change',
  { root: true, backing: 'tmpfs', options: 'threads=2', prepare },
  (t, m) => {
    const dir = `${m.mnt}/many`;
    const before = memory(m);
    t.equal(new Set(readdirSync(dir)).size, COUNT);
    t.equal(sh('ls -U many | wc -l; find many -type f | wc -l', { cwd: m.mnt }), `${COUNT}\n${COUNT}`);
    t.equal(sh('ls -lU many | grep -c name-', { cwd: m.mnt }), `${COUNT}`);

    const reader = new Reader(dir);
    const first = reader.read(COUNT / 2);
    // Every hundredth goes, from either layer, met or not, on either way; others come.
    const gone = new Set<string>();
    for (let i = 0; i < COUNT; i += 100) {
      gone.add(nameOf(i));
      if (i % 300 !== 0) unlinkSync(`${dir}/${nameOf(i)}`);
      else for (const layer of [m.upper, ...m.lower]) rmSync(`${layer}/many/${nameOf(i)}`, { force: true });
    }
    for (let i = 0; i < 1000; i++) writeFileSync(`${dir}/new-${i}`, '');
    const rest = reader.read(COUNT);
    const seen = namesOf([...first, ...rest]);
    t.equal(new Set(seen).size, seen.length, 'none twice');
    const met = new Set(seen);
    const stays = (name: string) => !gone.has(name);
    const staying = Array.from({ length: COUNT }, (_, i) => nameOf(i)).filter(stays);
    t.equal(staying.filter((name) => !met.has(name)).length, 0, 'all that stay');

    for (const at of [10, COUNT / 4, first.length - 1]) {
      reader.seek((first[at] as Entry).offset);
      const again = namesOf(reader.read(COUNT)).filter(stays);
      t.same(again, seen.slice(at + 1).filter(stays), `from where it was after ${at}`);
    }
    reader.seek(0);
    const now = [...staying, ...Array.from({ length: 1000 }, (_, i) => `new-${i}`)].sort();
    t.same(namesOf(reader.read(2 * COUNT)).sort(), now, 'rewound: as it is now');
    reader.close();

    sh('rm -rf many', { cwd: m.mnt });
    for (const layer of [m.mnt, m.upper, ...m.lower])
      t.notOk(readdirSync(layer).includes('many'), 'all is gone');
    // The inode table stays as large as it once was, 15 MiB; the heaps of three threads are not given back at once.
    t.ok(memory(m) - before < 100, `${before} MiB, then ${memory(m)}`);
    t.notMatch(m.log(), /level=(?:error|warn)/);
  },
);
