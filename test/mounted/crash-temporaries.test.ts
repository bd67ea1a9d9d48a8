// Unpublished copies that have names, since the new storage has no O_TMPFILE or they are no files: a daemon is killed at each step of a copy-up,
// and the next mount sweeps what it has left; what a daemon that lives is making stays, whoever else comes and goes meanwhile.

import { spawn } from 'node:child_process';
import { lstatSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { unmountPath } from './backing.ts';
import { leftovers } from './defects-support.ts';
import { COPY_UP, UNPUBLISHED } from './faults.ts';
import { list } from './hosts.ts';
import { mountOther } from './second.ts';
import {
  cleanEnv,
  isAlive,
  type Mounted,
  type MountTestOptions,
  mountTest,
  run,
  sh,
  until,
  whereIs,
} from './support.ts';

const OLD = 'old\n'.repeat(3000);
const TARGET = 'where it leads';

interface Kind {
  readonly options: MountTestOptions;
  readonly make: (path: string) => void;
  /** Brings it up. */
  readonly change: (name: string) => string;
  /** What it is before, and when it has come up. */
  readonly look: (path: string) => string;
  readonly before: string;
  readonly after: string;
}

const KINDS: Record<string, Kind> = {
  'a file on a storage without O_TMPFILE': {
    options: { sick: 'upper' },
    make: (path) => writeFileSync(path, OLD, { mode: 0o640 }),
    change: (name) => `echo more >>${name}`,
    look: (path) => `${(lstatSync(path).mode & 0o7777).toString(8)} ${readFileSync(path, 'utf8')}`,
    before: `640 ${OLD}`,
    after: `640 ${OLD}more\n`,
  },
  'a symlink': {
    options: { options: 'metadata=copyup' },
    make: (path) => symlinkSync(TARGET, path),
    change: (name) => `chown -h 4242 ${name}`,
    look: (path) => `${readlinkSync(path)} ${lstatSync(path).uid}`,
    before: `${TARGET} 0`,
    after: `${TARGET} 4242`,
  },
};

/** The storage itself, where the layer is a sick one over it. */
const below = (m: Mounted) => (m.behind === '' ? m.upper : m.behind);

const nothingLeft = (t: Test, m: Mounted, when: string) => {
  for (const layer of [below(m), ...m.lower]) {
    t.same(leftovers(layer), [], `${when}: nothing unfinished`);
    t.same(list(`${layer}/.migratefs/slots`), [], `${when}: nothing to finish`);
  }
};

for (const [what, { options, make, change, look, before, after }] of Object.entries(KINDS)) {
  await mountTest(
    t,
    `killed while it copies up ${what}`,
    {
      ...options,
      root: true,
      faults: true,
      timeout: 400_000,
      prepare: ({ lower: [lower] }) => {
        for (const point of COPY_UP) make(`${lower}/${point}`);
      },
    },
    async (t, m) => {
      for (const point of COPY_UP) {
        m.faults.kill(point);
        run('bash', ['-c', change(point)], { cwd: m.mnt });
        await m.ended();
        m.faults.clear();
        const unpublished = UNPUBLISHED.includes(point);
        const left = leftovers(below(m));
        t.equal(
          left.length,
          unpublished ? 1 : 0,
          `${point}: its copy has a name of its own until it is published`,
        );
        const said = m.log().length;
        await m.remount();
        nothingLeft(t, m, point);
        for (const name of left)
          t.match(m.log().slice(said), new RegExp(`event=swept layer=\\S+ name=${name}`));
        t.equal(whereIs(m, point), unpublished ? 'lower' : 'upper', point);
        t.equal(look(`${m.mnt}/${point}`), before, `${point}: what users see is whole`);
        sh(change(point), { cwd: m.mnt });
        t.equal(look(`${below(m)}/${point}`), after);
        t.equal(whereIs(m, point), 'upper');
      }
    },
  );

  await mountTest(
    t,
    `others come and go while a daemon copies up ${what}`,
    { ...options, root: true, faults: true, prepare: ({ lower: [lower] }) => make(`${lower}/x`) },
    async (t, m) => {
      const stopped = m.faults.pause('copyup.data');
      const user = spawn('bash', ['-c', change('x')], { cwd: m.mnt, stdio: 'ignore', env: cleanEnv() });
      const ended = new Promise((done) => user.once('close', done));
      const there = await stopped();
      const [made = '', ...more] = leftovers(below(m));
      t.same(more, []);
      const dead = made.replace(/\.\d+(\.\d+\.\d+\.[0-9a-f]+)$/, '.4194305$1');
      for (const host of [undefined, 'elsewhere']) {
        make(`${below(m)}/.migratefs/work/${dead}`);
        const other = await mountOther(
          t,
          m,
          `mnt-${host}`,
          m.behind === '' ? 'metadata=copyup' : '',
          host === undefined ? {} : { host },
        );
        t.equal(look(`${other.mnt}/x`), before, 'another one sees the source');
        const fault = unmountPath(other.mnt);
        if (fault !== undefined) throw new Error(fault);
        await until('gone', () => !isAlive(other.pid));
        const left = host === undefined ? [made] : [made, dead].sort();
        t.same(leftovers(below(m)).sort(), left, `${host ?? 'this host'}: what a living daemon makes stays`);
        t.notMatch(other.log(), new RegExp(`name=${made}`));
      }
      there.go();
      t.equal(await ended, 0);
      t.equal(look(`${below(m)}/x`), after);
      t.equal(whereIs(m, 'x'), 'upper');
      await m.remount();
      t.same(leftovers(below(m)), [], 'the next mount of this host takes the dead one’s');
    },
  );
}
