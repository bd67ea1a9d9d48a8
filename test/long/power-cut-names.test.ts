// The power is cut while names change over layers: what users see is the old state or the new one, nothing that was hidden appears, and what
// was made durable by fsync(2) of a directory stays.

import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import t from 'tap';
import type { FaultPoint } from '../../src/layers/faultpoint.ts';
import { HIDDEN, NEW, OLD, powerTest, type Scenario, shown } from '../mounted/power.ts';
import { EXCHANGE, sh, treeDigest } from '../mounted/support.ts';

const overUpper: Scenario = {
  name: 'over-upper',
  points: ['rename.moved', 'answered'],
  prepare: ({ lower, upper }) => {
    mkdirSync(upper);
    writeFileSync(`${lower}/f`, NEW);
    writeFileSync(`${upper}/to`, OLD);
  },
  act: 'mv f to',
  check: (t, places, label) => {
    const found = `${shown(places, 'f')}, ${shown(places, 'to')}`;
    // Storages that have not made the whole rename durable may show the file under both names.
    t.match(found, /^(new, old|nothing, new|new, new)$/, label);
  },
};

/** How programs save. */
const overLower = ['', 'sync f.new; '].map(
  (sync): Scenario => ({
    name: sync === '' ? 'over-lower' : 'synced-over-lower',
    points: ['rename.moved', 'answered'],
    quicker: 'old',
    prepare: ({ lower }) => {
      writeFileSync(`${lower}/f`, OLD);
      writeFileSync(`${lower}/new`, NEW);
    },
    act: `cat new >f.new; ${sync}mv f.new f`,
    check: (t, places, label) => t.match(shown(places, 'f'), /^(old|new)$/, label),
  }),
);

const hiding = ['rm f', 'mv f g'].map((act): Scenario => {
  const step: FaultPoint = act === 'rm f' ? 'remove.removed' : 'rename.moved';
  return {
    name: act === 'rm f' ? 'removed' : 'renamed',
    points: [step, 'answered'],
    prepare: ({ lower, upper }) => {
      mkdirSync(upper);
      writeFileSync(`${lower}/f`, HIDDEN);
      writeFileSync(`${upper}/f`, NEW);
    },
    act,
    check: (t, places, label) => {
      const found = `${shown(places, 'f')}, ${shown(places, 'g')}`;
      t.match(found, act === 'rm f' ? /^(new|nothing), nothing$/ : /^(new, nothing|nothing, new)$/, label);
    },
  };
});

function kindOf(path: string): 'nothing' | 'hidden' | 'directory' {
  if (!existsSync(path)) return 'nothing';
  return statSync(path).isDirectory() ? 'directory' : 'hidden';
}

/** A directory, which is in one layer alone, hides a file. `may`: what `d` and `e` are then. */
const hidingDirectory = [
  {
    name: 'removed-directory',
    act: 'rmdir d',
    point: 'remove.removed' as const,
    may: /^(directory|nothing), nothing$/,
  },
  {
    name: 'renamed-directory',
    act: 'mv -T d e',
    point: 'renamedir.done' as const,
    may: /^(directory, nothing|nothing, directory)$/,
  },
].map(
  ({ name, act, point, may }): Scenario => ({
    name,
    points: [point, 'answered'],
    prepare: ({ lower, upper }) => {
      mkdirSync(upper);
      mkdirSync(`${upper}/d`);
      writeFileSync(`${lower}/d`, HIDDEN);
    },
    act,
    check: (t, { mnt }, label) => {
      t.match(`${kindOf(`${mnt}/d`)}, ${kindOf(`${mnt}/e`)}`, may, label);
    },
  }),
);

const renaming: FaultPoint[] = ['renamedir.moved-1', 'renamedir.moved-0', 'renamedir.done'];

/** A directory that both layers have becomes `to`; `old` lay there before, and lies at `from` afterwards. */
function directory(
  name: string,
  act: string,
  to: string,
  points: FaultPoint[],
  isExchange = false,
): Scenario {
  return {
    name,
    points: [...points, 'answered'],
    prepare: ({ lower, upper }) => {
      mkdirSync(upper);
      for (const layer of [upper, lower]) {
        const own = layer === upper ? 'u' : 'l';
        sh('mkdir -p d/sub empty full; chmod 711 empty; echo "$1" >d/f-$1; echo "$1" >full/$1', {
          cwd: layer,
          args: [own],
        });
      }
    },
    facts: ({ upper, lower }) => {
      const both = (name: string) =>
        existsSync(`${upper}/${name}`)
          ? look(`${lower}/${name}`, treeDigest(`${upper}/${name}`, { times: false }))
          : undefined;
      return { moving: both('d'), old: both(to) };
    },
    act,
    check: (t, { mnt }, label, facts) => {
      const { moving, old } = facts as { moving: object; old: object | undefined };
      const see = (name: string) => (existsSync(`${mnt}/${name}`) ? look(`${mnt}/${name}`) : undefined);
      const now = { from: see('d'), to: see(to) };
      const before = { from: moving, to: old };
      const after = { from: isExchange ? old : undefined, to: moving };
      const isAfter = now.to !== undefined && Object.keys(now.to).length === Object.keys(moving).length;
      t.same(now, isAfter ? after : before, `${label}: ${isAfter ? 'done' : 'not done'}`);
    },
  };
}

const look = (path: string, more: object = {}): object => ({
  ...treeDigest(path, { times: false }),
  ...more,
});

const syncedDirectory: Scenario = {
  name: 'synced',
  points: ['answered'],
  prepare: ({ lower, upper }) => {
    mkdirSync(upper);
    for (const name of ['f', 'gone', 'copied']) writeFileSync(`${lower}/${name}`, OLD);
    writeFileSync(`${upper}/u`, NEW);
  },
  act: 'mv f g; rm gone; mv u v; echo more >>copied; rm copied; sync .',
  check: (t, places, label) => {
    const found = ['f', 'g', 'gone', 'u', 'v', 'copied'].map((name) => shown(places, name));
    t.same(found, ['nothing', 'old', 'nothing', 'nothing', 'new', 'nothing'], label);
  },
};

await powerTest(
  t,
  'changing names',
  ['ext4', 'btrfs'],
  [
    overUpper,
    ...overLower,
    ...hiding,
    ...hidingDirectory,
    directory('directory', 'mv -T d new', 'new', []),
    directory('over-empty', 'mv -T d empty', 'empty', renaming),
    directory('exchange', `${EXCHANGE} d full`, 'full', ['exchange.moved-1', 'exchange.moved-0'], true),
    syncedDirectory,
  ],
);
