// A directory that was taken away from one layer behind the mount, while the kernel holds it: what moves there goes over the upper layer,
// and made again it is part of the merged directory again.

import {
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import t from 'tap';
import { type Backing, type Mounted, mountTest, outcome, sh, whereIs } from './support.ts';

function prepare({ upper, lower: [low = ''] }: { upper: string; lower: string[] }): void {
  for (const layer of [upper, low]) mkdirSync(`${layer}/d/e`, { recursive: true });
  mkdirSync(`${low}/tree`);
  for (const name of ['f', 'g', 'h', 'tree/t']) writeFileSync(`${low}/${name}`, name);
}

/** The kernel and the daemon know the directories in both layers. */
function know({ mnt }: Mounted): void {
  readdirSync(`${mnt}/d`);
  readdirSync(`${mnt}/d/e`);
}

for (const backing of ['dir', 'tmpfs', 'ext4', 'xfs', 'btrfs'] as Backing[]) {
  const on = { backing, prepare, options: 'cache=shared' };
  await mountTest(t, `files move and are linked into it, ${backing}`, on, (t, m) => {
    know(m);
    rmSync(`${m.lower[0]}/d`, { recursive: true });
    renameSync(`${m.mnt}/f`, `${m.mnt}/d/f`);
    linkSync(`${m.mnt}/g`, `${m.mnt}/d/e/g`);
    sh('mv tree d/tree', { cwd: m.mnt });
    t.equal(readFileSync(`${m.mnt}/d/f`, 'utf8'), 'f');
    t.equal(readFileSync(`${m.mnt}/d/e/g`, 'utf8'), 'g');
    t.equal(readFileSync(`${m.mnt}/d/tree/t`, 'utf8'), 'tree/t');
    t.same(readdirSync(`${m.mnt}/d`).sort(), ['e', 'f', 'tree']);
    t.same(
      ['f', 'tree'].map((name) => whereIs(m, name)),
      ['', ''],
      'nothing is left behind',
    );
  });

  await mountTest(t, `made again, it is merged again, ${backing}`, on, (t, m) => {
    const low = m.lower[0] as string;
    know(m);
    rmSync(`${low}/d`, { recursive: true });
    t.same(readdirSync(`${m.mnt}/d`), ['e']);
    mkdirSync(`${low}/d/e`, { recursive: true });
    writeFileSync(`${low}/d/below`, 'new');
    t.same(readdirSync(`${m.mnt}/d/e`), []);
    t.same(readdirSync(`${m.mnt}/d`).sort(), ['below', 'e'], 'listed');
    t.equal(readFileSync(`${m.mnt}/d/below`, 'utf8'), 'new', 'and read');
    renameSync(`${m.mnt}/f`, `${m.mnt}/d/e/f`);
    t.equal(whereIs(m, 'd/e/f'), 'lower', 'files move within their layer');
    renameSync(`${m.mnt}/d`, `${m.mnt}/moved`);
    t.same([whereIs(m, 'd'), whereIs(m, 'moved')], ['', 'upper lower'], 'it moves in both');
  });

  await mountTest(t, `what is hidden in one made again goes too, ${backing}`, on, (t, m) => {
    const low = m.lower[0] as string;
    writeFileSync(`${m.mnt}/d/x`, 'above');
    know(m);
    rmSync(`${low}/d`, { recursive: true });
    mkdirSync(`${low}/d`);
    writeFileSync(`${low}/d/x`, 'below');
    unlinkSync(`${m.mnt}/d/x`);
    t.equal(whereIs(m, 'd/x'), '');
  });
}

await mountTest(
  t,
  'a directory that is gone from all layers takes no empty directory away',
  { prepare, options: 'cache=exclusive' },
  (t, m) => {
    mkdirSync(`${m.mnt}/target`);
    readdirSync(`${m.mnt}/target`);
    readdirSync(`${m.mnt}/tree`);
    rmSync(`${m.lower[0]}/tree`, { recursive: true });
    const answer = outcome(() => renameSync(`${m.mnt}/tree`, `${m.mnt}/target`));
    t.equal(answer, 'ENOENT');
    t.equal(whereIs(m, 'target'), 'upper');
    rmdirSync(`${m.mnt}/target`);
  },
);
