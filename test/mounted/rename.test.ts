// rename over layers: every kind of source on every layer onto every kind of target on every layer, against a plain file system.

import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import t, { type Test } from 'tap';
import { type Mounted, mountTest, outcome, sh, treeDigest, whereIs } from './support.ts';

type Layers = Record<'u' | 'a' | 'b', string>;

/** Where an object is: letters of the layers that have it. */
const PLACES = ['u', 'a', 'b', 'ua', 'ab', 'ub', 'uab'];

type Kind = 'file' | 'empty' | 'full' | 'none';

function make(layers: Layers, places: string, kind: Kind, path: string): void {
  for (const letter of places as Iterable<keyof Layers>) {
    const name = `${layers[letter]}/${path}`;
    if (kind === 'file') writeFileSync(name, `${path} of ${letter}`);
    if (kind === 'empty' || kind === 'full') mkdirSync(name);
    if (kind !== 'full') continue;
    writeFileSync(`${name}/same`, `${path}/same of ${letter}`);
    writeFileSync(`${name}/only-${letter}`, '');
    mkdirSync(`${name}/sub`);
    writeFileSync(`${name}/sub/${letter}`, '');
  }
}

interface Case {
  from: string;
  to: string;
}

/** All pairs of source and target, laid out: `from` directory places, `into` directory places. */
function layOut(layers: Layers, from: string, into: string, kinds: Kind[]): Case[] {
  make(layers, from, 'empty', 'from');
  make(layers, into, 'empty', 'into');
  const cases: Case[] = [];
  const within = (places: string[], dir: string) =>
    places.filter((each) => [...each].every((l) => dir.includes(l)));
  for (const kind of kinds) {
    for (const places of within(PLACES, from)) {
      const targets: [Kind, string][] = [['none', '']];
      for (const target of ['file', 'empty', 'full'] as const) {
        for (const each of within(PLACES, into)) targets.push([target, each]);
      }
      for (const [target, each] of targets) {
        const id = `${kind}-${places}-to-${target}${each && `-${each}`}`;
        make(layers, places, kind, `from/${id}`);
        make(layers, each, target, `into/${id}`);
        cases.push({ from: `from/${id}`, to: `into/${id}` });
      }
    }
  }
  return cases;
}

/** Every case on the mount and on a plain copy of it. */
function compare(t: Test, m: Mounted, cases: Case[]): void {
  const plain = `${m.dir}/plain`;
  cpSync(m.mnt, plain, { recursive: true });
  const different: string[] = [];
  const reappeared: string[] = [];
  for (const { from, to } of cases) {
    const [seen, expected] = [m.mnt, plain].map((dir) =>
      outcome(() => renameSync(`${dir}/${from}`, `${dir}/${to}`)),
    );
    if (seen !== expected) different.push(`${from}: ${seen}, not ${expected}`);
    if (seen === 'ok' && (existsSync(`${m.mnt}/${from}`) || whereIs(m, from) !== '')) reappeared.push(from);
  }
  t.same(different, [], `${cases.length} renames end as on a plain file system`);
  t.same(reappeared, [], 'nothing is left of an old name on any layer');
  t.same(treeDigest(m.mnt, { times: false }), treeDigest(plain, { times: false }), 'and so do the trees');
  for (const { to } of cases) {
    if (statSync(`${m.mnt}/${to}`, { throwIfNoEntry: false })?.isFile()) {
      rmSync(`${m.mnt}/${to}`);
      if (existsSync(`${m.mnt}/${to}`)) reappeared.push(to);
    }
  }
  t.same(reappeared, [], 'what a target hid does not appear');
  sh('rm -rf from into', { cwd: m.mnt });
  t.same(readdirSync(m.mnt), []);
  for (const dir of [m.upper, ...m.lower]) {
    t.same(Object.keys(treeDigest(dir)), ['.']);
    t.equal(
      sh(
        'find .migratefs -regextype egrep -regex "[.]migratefs/(journal|alive|slots|pair)" -prune -o -type f -print 2>/dev/null || true',
        { cwd: dir },
      ),
      '',
      'nothing in our own directory but the journal, the slots and the signs of life',
    );
  }
  rmSync(plain, { recursive: true });
}

const layersOf = ({ upper, lower: [a = '', b = ''] }: { upper: string; lower: string[] }): Layers => ({
  u: upper,
  a,
  b,
});

for (const [from, into] of [
  ['uab', 'uab'],
  ['ab', 'u'],
  ['u', 'ab'],
  ['a', 'b'],
  ['b', 'a'],
] as const) {
  let cases: Case[] = [];
  const prepare = (layers: { upper: string; lower: string[] }) => {
    cases = layOut(
      layersOf(layers),
      from,
      into,
      from === 'uab' ? ['file', 'full', 'empty'] : ['file', 'full'],
    );
  };
  await mountTest(t, `from a directory on ${from} into one on ${into}`, { lowers: 2, prepare }, (t, m) =>
    compare(t, m, cases),
  );
}
