// Two hosts give one name at the same moment, in different layers: the one that looks for what has it before his step does not see the other's.
// Nothing is hidden and nothing is lost: who was second is told that the name is taken, and has all that he had.

import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import type { FaultPoint } from '../../src/layers/faultpoint.ts';
import { type Host, type Hosts, hostsTest, list } from './hosts.ts';
import { LINK_NAMELESS, RENAME_ANEW, treeDigest, whereIs } from './support.ts';

/** Old files in `d`, a directory of the old storage alone or of both, and new ones in `n`. */
function prepareIn(both: boolean): (layers: { upper: string; lower: string[] }) => void {
  return ({ upper, lower: [lower] }) => {
    for (const layer of [upper, lower])
      for (const name of ['d', 'n']) rmSync(`${layer}/${name}`, { recursive: true, force: true });
    mkdirSync(`${lower}/d/dir`, { recursive: true });
    writeFileSync(`${lower}/d/dir/in`, 'in\n');
    for (const name of ['x', 'y']) writeFileSync(`${lower}/d/${name}`, `${name}\n`);
    if (both) mkdirSync(`${upper}/d`);
    mkdirSync(`${upper}/n/dir`, { recursive: true });
    writeFileSync(`${upper}/n/new`, 'new\n');
    writeFileSync(`${upper}/n/dir/in`, 'new in\n');
  };
}

/** One host is stopped before its step, and does it when the other's script has succeeded. @returns what it is told */
async function overtaken(
  t: Test,
  one: Host,
  script: string,
  point: FaultPoint,
  other: Host,
  act: string,
): Promise<string> {
  const stopped = one.faults.pause(point);
  const worker = one.run(script);
  const there = await stopped();
  t.equal(await other.run(act), 'ok', act);
  there.go();
  return worker;
}

function nothingHidden(t: Test, m: Hosts): void {
  t.same(treeDigest(m.b.mnt), treeDigest(m.mnt), 'both see the same');
  for (const layer of [m.upper, m.lower[0]])
    t.same(list(`${layer}/.migratefs/aside`), [], 'nothing set aside');
}

/** The old file or directory that the other host has named `d/f` is what users see there, and has no other above it. */
function checkOld(t: Test, m: Hosts, act: string): void {
  const file = act.includes('dir') ? 'd/f/in' : 'd/f';
  t.equal(readFileSync(`${m.mnt}/${file}`, 'utf8'), act.includes('dir') ? 'in\n' : 'x\n', act);
  t.equal(whereIs(m, 'd/f'), 'lower');
  nothingHidden(t, m);
}

const options = { timeout: 300_000 };

const TAKEN = /^(?:File exists|cannot overwrite existing file|d\/f)$/;

/** What gives an old file, or directory, another name in the old storage. */
const OLD_ACTS = ['mv d/x d/f', 'ln d/x d/f', 'mv -T d/dir d/f'];

/** What makes something new. */
const MAKERS = ['set -C; echo mine >d/f', 'mkdir d/f', 'mkfifo d/f', 'ln -sT mine d/f'];

for (const both of [false, true]) {
  const prepare = prepareIn(both);
  const where = both ? 'on both layers' : 'on the lower layer';
  const points: FaultPoint[] = both ? ['make.room'] : ['mirror.named', 'make.room'];

  await hostsTest(t, `something new, in a directory ${where}`, { ...options, prepare }, async (t, m) => {
    for (const point of points) {
      for (const act of OLD_ACTS) {
        for (const script of MAKERS) {
          t.comment(`${script} at ${point}, ${act}`);
          t.match(await overtaken(t, m.b, script, point, m.a, act), TAKEN, script);
          checkOld(t, m, act);
          prepare(m);
        }
      }
    }
  });

  await hostsTest(t, `a file that may be there, ${where}`, { ...options, prepare }, async (t, m) => {
    for (const act of ['mv d/x d/f', 'ln d/x d/f']) {
      t.equal(await overtaken(t, m.b, 'echo mine >>d/f', 'make.room', m.a, act), 'ok');
      t.equal(
        readFileSync(`${m.mnt}/d/f`, 'utf8'),
        'x\nmine\n',
        'what was written is in the file that has the name',
      );
      t.equal(whereIs(m, 'd/f'), 'upper');
      nothingHidden(t, m);
      // A file with several names leaves them in the index as long as it has them.
      t.equal(await m.a.run('rm -f d/x d/f'), 'ok');
      prepare(m);
    }
  });

  await hostsTest(
    t,
    `a file without a name gets one, ${where}`,
    { ...options, prepare, needs: ['perl'] },
    async (t, m) => {
      for (const act of OLD_ACTS) {
        t.equal(await overtaken(t, m.b, `${LINK_NAMELESS} n d/f`, 'link.opened', m.a, act), 'File exists');
        checkOld(t, m, act);
        prepare(m);
      }
    },
  );

  await hostsTest(
    t,
    `a new file is renamed, ${where}`,
    { ...options, prepare, needs: ['perl'] },
    async (t, m) => {
      for (const point of ['rename.found', 'rename.hidden'] as FaultPoint[]) {
        for (const act of OLD_ACTS) {
          const told = await overtaken(t, m.b, `${RENAME_ANEW} n/new d/f`, point, m.a, act);
          t.equal(told, 'File exists');
          checkOld(t, m, act);
          t.equal(readFileSync(`${m.mnt}/n/new`, 'utf8'), 'new\n', 'it has its old name');
          prepare(m);
        }
      }
    },
  );

  await hostsTest(
    t,
    `a new file replaces, ${where}`,
    { ...options, prepare, needs: ['perl'] },
    async (t, m) => {
      const rename = `perl -e 'rename($ARGV[0], $ARGV[1]) or die "rename: $!\\n"' n/new d/f`;
      for (const act of OLD_ACTS) {
        const told = await overtaken(t, m.b, rename, 'rename.found', m.a, act);
        if (act.includes('dir')) {
          t.equal(told, 'Is a directory');
          checkOld(t, m, act);
        } else {
          t.equal(told, 'ok');
          t.equal(readFileSync(`${m.mnt}/d/f`, 'utf8'), 'new\n');
          t.equal(whereIs(m, 'd/f'), 'upper');
          nothingHidden(t, m);
        }
        prepare(m);
      }
    },
  );

  await hostsTest(t, `a new directory is renamed, ${where}`, { ...options, prepare }, async (t, m) => {
    for (const act of ['mv d/x d/f', 'ln d/x d/f']) {
      t.not(await overtaken(t, m.b, 'mv -T n/dir d/f', 'rename.found', m.a, act), 'ok');
      checkOld(t, m, act);
      t.equal(readFileSync(`${m.mnt}/n/dir/in`, 'utf8'), 'new in\n');
      prepare(m);
    }
  });
}

const prepare = prepareIn(true);

await hostsTest(t, 'both names are old ones', { ...options, prepare, needs: ['perl'] }, async (t, m) => {
  for (const act of ['mv d/x d/f', 'ln d/x d/f']) {
    t.equal(await overtaken(t, m.b, `${RENAME_ANEW} d/y d/f`, 'rename.found', m.a, act), 'File exists');
    checkOld(t, m, act);
    t.equal(readFileSync(`${m.mnt}/d/y`, 'utf8'), 'y\n');
    prepare(m);
  }
});

await hostsTest(
  t,
  'an old directory is renamed to what is made meanwhile',
  { ...options, prepare },
  async (t, m) => {
    for (const point of ['rename.found', 'renamedir.announced'] as FaultPoint[]) {
      for (const act of ['echo mine >d/f', 'mv n/new d/f']) {
        t.not(await overtaken(t, m.b, 'mv -T d/dir d/f', point, m.a, act), 'ok');
        t.equal(readFileSync(`${m.mnt}/d/f`, 'utf8'), act.includes('mine') ? 'mine\n' : 'new\n');
        t.equal(readFileSync(`${m.mnt}/d/dir/in`, 'utf8'), 'in\n');
        nothingHidden(t, m);
        prepare(m);
      }
    }
  },
);

await hostsTest(
  t,
  'a step that the other has not looked after yet',
  { ...options, prepare, needs: ['perl'] },
  async (t, m) => {
    for (const [maker, point] of [
      ['set -C; echo mine >d/f', 'make.room'],
      [`${RENAME_ANEW} n/new d/f`, 'rename.found'],
    ] as [string, FaultPoint][]) {
      const ready = m.b.faults.pause(point);
      const making = m.b.run(maker);
      const there = await ready();
      const renamed = m.a.faults.pause('rename.renamed');
      const mover = m.a.run(`${RENAME_ANEW} d/x d/f`);
      const moved = await renamed();
      there.go();
      t.match(await making, TAKEN);
      moved.go();
      t.equal(await mover, 'ok', 'nothing is in its way any more');
      checkOld(t, m, 'mv');
      prepare(m);
    }
  },
);

await hostsTest(
  t,
  'a directory that another host uses before its maker is told of it',
  { ...options, prepare },
  async (t, m) => {
    for (const act of ['mv d/x d/f/x', 'ln d/x d/f/x', 'echo x >d/f/x']) {
      const told = await overtaken(t, m.b, 'mkdir d/f', 'make.made', m.a, act);
      t.match(told, /^(?:ok|File exists)$/, `${act}: ${told}`);
      t.ok(statSync(`${m.mnt}/d/f`).isDirectory());
      t.same(readdirSync(`${m.b.mnt}/d/f`), ['x']);
      t.equal(readFileSync(`${m.mnt}/d/f/x`, 'utf8'), 'x\n');
      t.equal(await m.b.run('echo more >d/f/more; cat d/f/x d/f/more'), 'ok');
      nothingHidden(t, m);
      prepare(m);
    }
  },
);

await hostsTest(
  t,
  'an old directory is renamed to what another host makes a directory of',
  { ...options, prepare },
  async (t, m) => {
    for (const point of ['rename.found', 'renamedir.announced'] as FaultPoint[]) {
      for (const act of ['mkdir d/f', 'mkdir d/f; echo mine >d/f/in']) {
        const told = await overtaken(t, m.b, 'mv -T d/dir d/f', point, m.a, act);
        const isEmpty = !act.includes('in');
        t.match(told, isEmpty ? /^ok$/ : /^Directory not empty$/, `${act}: ${told}`);
        const [old, layer] = isEmpty ? ['d/f', 'lower'] : ['d/dir', 'lower'];
        t.equal(readFileSync(`${m.mnt}/${old}/in`, 'utf8'), 'in\n');
        t.equal(whereIs(m, old), layer, 'what is told to be replaced is not there any more');
        nothingHidden(t, m);
        prepare(m);
      }
    }
  },
);

await hostsTest(
  t,
  'an old directory is renamed, and another host makes a side of it before that is confirmed',
  { ...options, prepare },
  async (t, m) => {
    const moved = m.b.faults.pause('renamedir.moved-1');
    const mover = m.b.run('mv -T d/dir d/f');
    const there = await moved();
    t.equal(await m.a.run('echo more >d/f/more'), 'ok');
    there.go();
    t.equal(await mover, 'ok');
    t.equal(readFileSync(`${m.mnt}/d/f/in`, 'utf8'), 'in\n');
    t.equal(readFileSync(`${m.mnt}/d/f/more`, 'utf8'), 'more\n');
    t.equal(whereIs(m, 'd/dir'), '');
    nothingHidden(t, m);
  },
);

await hostsTest(
  t,
  'a directory that was made while another host moved old files into it is not believed to be the only one',
  { ...options, prepare, options: 'cache=shared' },
  async (t, m) => {
    const anew = 'mkdir d/f || true; ! (set -C; echo mine >d/f/x) 2>/dev/null';
    const told = await overtaken(t, m.b, anew, 'make.made', m.a, 'mv d/x d/f/x; echo more >d/f/more');
    t.equal(told, 'ok', 'the old file is there');
    t.equal(readFileSync(`${m.a.mnt}/d/f/x`, 'utf8'), 'x\n');
    t.equal(whereIs(m, 'd/f/x'), 'lower');
    nothingHidden(t, m);
  },
);
