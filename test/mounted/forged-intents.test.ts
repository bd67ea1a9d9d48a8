// Forged records of renames (src/layers/intent.ts): what is not the daemon's alone, or is no record, is not believed; what is believed touches
// nothing but what it names, and that only if it is what was recorded. Each is told in the log, and stays for who looks into it.

import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import t, { type Test } from 'tap';
import type { Intent, Step } from '../../src/layers/intent.ts';
import { list, records } from './hosts.ts';
import { type Mounted, type MountTestOptions, mountTest, run, sh, treeDigest, whereIs } from './support.ts';

/** No process has this number or one above. */
const GONE = 4_194_305;

const options: MountTestOptions = {
  root: true,
  faults: true,
  prepare: ({ upper, lower: [lower] }) => {
    for (const layer of [upper, lower]) mkdirSync(`${layer}/D`);
    writeFileSync(`${lower}/D/old`, 'old\n');
    writeFileSync(`${upper}/D/new`, 'new\n');
  },
};

interface Scene {
  readonly m: Mounted;
  readonly folder: string;
  readonly lower: string;
  /** Nobody's layer: an empty directory, another one, and room for what is forged. */
  readonly outside: string;
  /** What the dead daemon has written: D has become E in the old storage, in the new one not yet. */
  readonly whole: Intent;
  /** Its step in the old storage, which has been made; the other one, which users would see, has not. */
  readonly step: Step;
  /** Both steps, the former one changed. */
  readonly steps: (change: Partial<Step>) => Step[];
  /** The name of a record of a daemon of this host that is gone. */
  readonly nameFor: (i: number) => string;
}

const identityOf = (path: string): string => {
  const { ino, birthtimeNs } = statSync(path, { bigint: true });
  return `${ino}@${birthtimeNs / 1_000_000_000n}.${birthtimeNs % 1_000_000_000n}`;
};

/** A daemon dies between two steps of a rename. @returns its record, which lies there no more, and what can be forged of it */
async function dieInTheMiddle(m: Mounted): Promise<Scene> {
  const folder = `${m.upper}/.migratefs/intents`;
  const lower = m.lower[0] as string;
  const outside = `${m.dir}/outside`;
  for (const name of ['empty', 'victim']) mkdirSync(`${outside}/${name}`, { recursive: true });
  m.faults.kill('renamedir.moved-1');
  run('mv', ['-T', 'D', 'E'], { cwd: m.mnt });
  await m.ended();
  m.faults.clear();
  await m.unmount();
  const [record = ''] = records(m);
  const whole: Intent = JSON.parse(readFileSync(`${folder}/${record}`, 'utf8'));
  for (const name of list(folder)) rmSync(`${folder}/${name}`);
  const nameFor = (i: number) => record.replace(/\.\d+(\.\d+\.\d+\.[0-9a-f]+)$/, `.${GONE + i}$1`);
  mkdirSync(`${lower}/.migratefs/work`, { recursive: true, mode: 0o700 });
  const [step, ...others] = whole.steps as [Step, Step];
  const steps = (change: Partial<Step>) => [{ ...step, ...change }, ...others];
  return { m, folder, lower, outside, whole, step, steps, nameFor };
}

const put = (path: string, value: unknown) =>
  writeFileSync(path, typeof value === 'string' ? value : `${JSON.stringify(value)}\n`, { mode: 0o600 });

/** All but our own folders, and what nobody may touch. */
const everything = ({ m, outside }: Scene) =>
  [m.upper, ...m.lower, outside].map((dir) => treeDigest(dir, { directoryTimes: true }));

/** The real record undoes the rename: those before it were not believed for what had been forged of them, and for nothing else. */
async function undoneAtLast(t: Test, { m, folder, whole, nameFor }: Scene): Promise<void> {
  await m.unmount();
  for (const name of list(folder)) rmSync(`${folder}/${name}`, { recursive: true });
  put(`${folder}/${nameFor(0)}`, whole);
  await m.remount();
  t.same(list(folder), []);
  t.equal(whereIs(m, 'D'), 'upper lower', 'the record of the daemon undoes it');
  t.same(list(`${m.mnt}/D`), ['new', 'old']);
}

type Forge = (path: string, scene: Scene) => void;

/** A good record, if it were the daemon's alone. */
const STRANGE: Record<string, [Forge, says: string]> = {
  'another owner': [(path) => chownSync(path, 4242, 4242), 'EACCES'],
  'another group may read it': [(path) => chmodSync(path, 0o640), 'EACCES'],
  'all may read it': [(path) => chmodSync(path, 0o644), 'EACCES'],
  'a second link': [(path, { outside }) => linkSync(path, `${outside}/link`), 'EACCES'],
  'a symlink': [
    (path, { outside, whole }) => {
      put(`${outside}/record`, whole);
      rmSync(path);
      symlinkSync(`${outside}/record`, path);
    },
    'ELOOP',
  ],
  'a FIFO': [(path) => sh('rm "$1"; mkfifo -m 600 "$1"', { args: [path] }), 'EACCES'],
  'a device': [(path) => sh('rm "$1"; mknod -m 600 "$1" c 1 5', { args: [path] }), 'EACCES'],
  'a directory': [(path) => sh('rm "$1"; mkdir -m 700 "$1"', { args: [path] }), 'EACCES'],
  'as long as a disk': [(path) => truncateSync(path, 2 ** 40), 'EFBIG'],
};

const WRONG = '"not a record of this version"';

/** `at` is where an O_PATH descriptor of a layer, or of its work, leads to from there. */
const NAMES = [
  '',
  '.',
  '..',
  '/',
  '/etc',
  'a/b',
  '../outside',
  'E\0x',
  '\u012e\u012e',
  '\u012e\u012e\u012foutside',
  5,
];

// biome-ignore format: a table
const NO_RECORDS: Record<string, (scene: Scene) => unknown> = {
  ...Object.fromEntries(
    NAMES.flatMap((name, i) => [
      [`the name ${JSON.stringify(name)}`, ({ whole }: Scene) => ({ ...whole, [i % 2 ? 'from' : 'to']: { parents: [], name } })],
      [`the parent ${JSON.stringify(name)}`, ({ whole }: Scene) => ({ ...whole, from: { parents: [name], name: 'D' }, to: { parents: [name], name: 'E' } })],
    ]),
  ),
  // Names are bytes: these two are `..`, if their low halves are taken for them.
  'out of the layer, by what is no byte': ({ whole, steps, outside }) => {
    const at = (name: string) => ({ parents: ['\u012e\u012e', 'outside'], name });
    return { ...whole, from: at('stolen'), to: at('victim'), steps: steps({ first: identityOf(`${outside}/victim`) }) };
  },
  'what is aside lies elsewhere, and would go': ({ whole, step }) => ({ ...whole, steps: [{ ...step, aside: '../../../outside/empty' }] }),
  'what is aside lies elsewhere, and would come': ({ whole, steps }) => ({
    ...whole, to: { parents: [], name: 'F' }, steps: steps({ first: undefined, aside: '../../../outside/victim' }),
  }),
  'what is aside is no name of ours': ({ whole, step }) => ({ ...whole, steps: [{ ...step, aside: 'D' }] }),
  'what is aside is a number': ({ whole, step }) => ({ ...whole, steps: [{ ...step, aside: 5 }] }),
  'a mark of another name': ({ whole }) => ({ ...whole, marks: ['../../D/new'] }),
  'a mark that is a path': ({ whole }) => ({ ...whole, marks: ['moving-0000000000000001/../../../D/new'] }),
  'marks that are none': ({ whole }) => ({ ...whole, marks: { length: 1 } }),
  'steps that are none': ({ whole }) => ({ ...whole, steps: [null] }),
  'a step that is a number': ({ whole }) => ({ ...whole, steps: [5] }),
  'a step without a layer': ({ whole, step }) => ({ ...whole, steps: [{ ...step, layer: undefined }] }),
  'an object that is a number': ({ whole, step }) => ({ ...whole, steps: [{ ...step, first: 5 }] }),
  'steps in a text': ({ whole }) => ({ ...whole, steps: 'text' }),
  'no spots': ({ whole }) => ({ ...whole, from: null, to: [] }),
  'another version': ({ whole }) => ({ ...whole, version: 2 }),
  null: () => null,
  'a list': () => [],
  'a word': () => '"word"\n',
  'an empty object': () => ({}),
};

await mountTest(t, 'records that are not the daemon’s alone', options, async (t, m) => {
  const scene = await dieInTheMiddle(m);
  for (const [i, [forge]] of Object.values(STRANGE).entries()) {
    const path = `${scene.folder}/${scene.nameFor(i)}`;
    put(path, { ...scene.whole, marks: [] });
    forge(path, scene);
  }
  const before = everything(scene);
  await m.remount();
  t.same(everything(scene), before, 'nothing is touched');
  for (const [i, [name, [, says]]] of Object.entries(STRANGE).entries()) {
    const told = `event=intent_unreadable record=${scene.nameFor(i)} error=${says} mend=`;
    t.ok(m.log().includes(told), `${name}: told`);
  }
  t.same(
    records(m),
    Object.values(STRANGE)
      .map((_, i) => scene.nameFor(i))
      .sort(),
    'all of them stay',
  );
  await undoneAtLast(t, scene);
});

await mountTest(t, 'records that are none', options, async (t, m) => {
  const scene = await dieInTheMiddle(m);
  const forged = Object.values(NO_RECORDS).map((make) => make(scene));
  for (const [i, value] of forged.entries()) put(`${scene.folder}/${scene.nameFor(i)}`, value);
  const before = everything(scene);
  await m.remount();
  t.same(everything(scene), before, 'nothing is touched');
  for (const [i, name] of Object.keys(NO_RECORDS).entries())
    t.ok(m.log().includes(`event=intent_unreadable record=${scene.nameFor(i)} error=${WRONG} mend=`), name);
  t.same(records(m), forged.map((_, i) => scene.nameFor(i)).sort(), 'all of them stay');
  await undoneAtLast(t, scene);
});

await mountTest(t, 'records of what is not there', options, async (t, m) => {
  const scene = await dieInTheMiddle(m);
  const { lower, outside, whole, step, steps, folder, nameFor } = scene;
  symlinkSync(outside, `${lower}/link`);
  const at = (name: string, ...parents: string[]) => ({ parents, name });
  const victim = identityOf(`${outside}/victim`);
  const other = identityOf(`${m.upper}/D`);
  const one = (change: Partial<Step>) => ({ ...whole, steps: steps(change) });
  const undone = /event=rename_undone record=RECORD from=/;
  // biome-ignore format: a table
  const cases: Record<string, [Partial<Intent>, RegExp]> = {
    'a symlink on the way': [{ ...one({ first: victim }), from: at('stolen', 'link'), to: at('victim', 'link') }, undone],
    'a symlink on the way of what is aside': [{ ...one({ first: victim, aside: nameFor(900) }), from: at('stolen', 'link'), to: at('victim', 'link') }, /event=rename_torn record=RECORD .* error=/],
    'another object': [one({ first: other }), undone],
    'an object of the number, born at another time': [one({ first: `${step.first}1` }), undone],
    'an exchange with another object': [{ ...one({ second: other }), from: at('link') }, /event=rename_torn record=RECORD .* error=ESTALE/],
    'layers that are not these': [one({ layer: other, path: undefined }), /event=intent_of_other_layers record=RECORD from=D to=E/],
    'one of the layers is not these': [{ ...whole, steps: [step, { ...step, layer: '' }] }, /event=intent_of_other_layers record=RECORD /],
    'no steps': [{ ...whole, steps: [] }, /event=intent_of_other_layers record=RECORD /],
  };
  mkdirSync(`${lower}/.migratefs/work/${nameFor(900)}`);
  for (const [i, [intent]] of Object.values(cases).entries()) put(`${folder}/${nameFor(i)}`, intent);
  const before = everything(scene);
  await m.remount();
  t.same(everything(scene), before, 'nothing is touched');
  for (const [i, [name, [, says]]] of Object.entries(cases).entries())
    t.match(m.log(), new RegExp(says.source.replace('RECORD', nameFor(i).replaceAll('.', '\\.'))), name);
  t.equal(records(m).length, 5, 'torn ones stay, and those of other layers');
  t.ok(existsSync(`${lower}/E/old`));
  rmSync(`${lower}/link`);
  await undoneAtLast(t, scene);
});
