// One host renames a directory that both storages have, which takes a step in each, while another comes to it for the first time. What the other
// makes in there never hides what is in the old storage.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import t from 'tap';
import type { FaultPoint } from '../../src/layers/faultpoint.ts';
import { BACKING, hostsTest, list, records } from './hosts.ts';
import { EXCHANGE, treeDigest, whereIs } from './support.ts';

interface Layers {
  upper: string;
  lower: string[];
}

/** D on both storages, with an old file and a new one; X, on both as well, with files of other content. */
function makeDirectories({ upper, lower: [lower] }: Layers): void {
  for (const layer of [upper, lower]) {
    for (const name of ['D', 'E', 'X']) rmSync(`${layer}/${name}`, { recursive: true, force: true });
    for (const name of ['D', 'X']) mkdirSync(`${layer}/${name}`);
  }
  for (const name of ['D', 'X']) {
    writeFileSync(`${lower}/${name}/old`, `old ${name}\n`);
    writeFileSync(`${upper}/${name}/new`, `new ${name}\n`);
  }
}

const all = { root: true, prepare: makeDirectories, timeout: 300_000 };

/** What makes something new where it finds nothing of that name. */
const ACTS = {
  'exclusive create': 'set -C; echo mine >D/old',
  create: 'echo mine >D/old',
  mkdir: 'mkdir D/old',
  link: 'echo mine >mine; ln mine D/old',
  rename: 'echo mine >mine; mv -n mine D/old; ! [ -e mine ] || exit 9',
};

const OLD = { old: 'old D\n', new: 'new D\n' };

const holds = (dir: string) =>
  Object.fromEntries(list(dir).map((name) => [name, readFileSync(`${dir}/${name}`, 'utf8')]));

const STEPS: FaultPoint[] = ['renamedir.intent', 'renamedir.moved-1', 'renamedir.moved-0', 'renamedir.done'];

await hostsTest(t, 'a rename that is stopped between its steps', all, async (t, m) => {
  for (const point of STEPS) {
    for (const [name, script] of Object.entries(ACTS)) {
      const stopped = m.a.faults.pause(point);
      const mover = m.a.run('mv -T D E');
      const there = await stopped();
      const answer = await m.b.run(script);
      there.go();
      t.equal(await mover, 'ok');
      const seen = holds(`${m.mnt}/E`);
      // Before the first step, all of the directory was there: an old file may be written over.
      const wrote = answer === 'ok' && name === 'create' && point === 'renamedir.intent';
      t.same(seen, wrote ? { ...OLD, old: 'mine\n' } : OLD, `${point}, ${name}: ${answer}`);
      t.equal(whereIs(m, 'E/old'), wrote ? 'upper' : 'lower', 'there is one of it');
      t.equal(whereIs(m, 'D'), '', 'nothing has the old name');
      t.same(treeDigest(m.b.mnt), treeDigest(m.mnt), 'both see the same');
      t.same(list(`${m.upper}/.migratefs/intents`), []);
      rmSync(`${m.mnt}/mine`, { force: true });
      makeDirectories(m);
    }
  }
});

await hostsTest(
  t,
  'two hosts rename one directory: the slower one leaves the mark of the other',
  all,
  async (t, m) => {
    await m.b.run('cat D/old D/new'); // it knows both sides, and looks for no mark
    const stopped = m.a.faults.pause('renamedir.moved-1');
    const mover = m.a.run('mv -T D E');
    const there = await stopped();
    t.not(await m.b.run('mv -T D F'), 'ok');
    t.not(await m.b.run('set -C; echo mine >D/old'), 'ok');
    there.go();
    t.equal(await mover, 'ok');
    t.same(holds(`${m.mnt}/E`), OLD);
    t.same(list(`${m.upper}/.migratefs/intents`), []);
  },
);

await hostsTest(t, 'who comes meanwhile is told when it is over', all, async (t, m) => {
  const stopped = m.a.faults.pause('renamedir.moved-1');
  const mover = m.a.run('mv -T D E');
  const there = await stopped();
  const waiting = m.b.run('cat D/old');
  there.go();
  t.equal(await mover, 'ok');
  t.match(await waiting, /^(?:No such file or directory|Device or resource busy)$/);
  t.equal(await m.b.run('cat E/old E/new'), 'ok');
});

await hostsTest(
  t,
  'an exchange that is stopped between its steps',
  { ...all, needs: ['perl'] },
  async (t, m) => {
    // Where a layer cannot exchange names, nothing is changed.
    if (BACKING !== 'dir') {
      t.equal(await m.a.run(`${EXCHANGE} D X`), 'Invalid argument');
      t.same([holds(`${m.mnt}/D`), holds(`${m.b.mnt}/X`)], [OLD, { old: 'old X\n', new: 'new X\n' }]);
      t.same(records(m), []);
      return;
    }
    for (const point of ['exchange.moved-1', 'exchange.moved-0'] as FaultPoint[]) {
      for (const script of ['set -C; echo mine >D/old', 'cat D/old', 'cat D/* X/*', 'ls -R D X']) {
        const stopped = m.a.faults.pause(point);
        const swapper = m.a.run(`${EXCHANGE} D X`);
        const there = await stopped();
        const answer = await m.b.run(script);
        there.go();
        t.equal(await swapper, 'ok');
        const told = `${point}, ${script}: ${answer}`;
        if (script.includes('mine')) t.not(answer, 'ok', told);
        t.same(holds(`${m.mnt}/X`), OLD, told);
        t.same(holds(`${m.mnt}/D`), { old: 'old X\n', new: 'new X\n' });
        t.same(treeDigest(m.b.mnt), treeDigest(m.mnt), 'both see the same');
        t.same(list(`${m.upper}/.migratefs/intents`), []);
        makeDirectories(m);
      }
    }
  },
);

await hostsTest(t, 'a daemon that dies between the steps', all, async (t, m) => {
  m.a.faults.kill('renamedir.moved-1');
  t.not(await m.a.run('mv -T D E'), 'ok');
  // The other daemon of this host may have undone it by now.
  t.match(
    await m.b.run('set -C; echo mine >D/old'),
    /^(?:Device or resource busy|cannot overwrite existing file)$/,
    'the record protects what has moved',
  );
  await m.remount();
  t.same(list(`${m.upper}/.migratefs/intents`), []);
  t.same(holds(`${m.mnt}/D`), OLD);
  t.equal(await m.b.run('echo mine >D/old'), 'ok');
});

await hostsTest(t, 'a mark without a record says nothing', all, async (t, m) => {
  mkdirSync(`${m.upper}/U`);
  m.a.faults.kill('renamedir.moved-1');
  t.not(await m.a.run('mv -T D E'), 'ok');
  const intents = `${m.upper}/.migratefs/intents`;
  for (const name of records(m)) rmSync(`${intents}/${name}`);
  t.equal(await m.b.run('cat D/new'), 'ok', 'users go on with what there is');
  t.equal(list(intents).length, 1);
  await m.remount();
  t.equal(await m.a.run('mv -T D F; mv -T F D'), 'ok', 'and it is in nobody’s way');
});
