// Files with several names, which come up one by one, while other hosts look at them: a look takes the copy for the name that is looked at
// (docs/architecture.md, hard links), at the same moment as its owner renames, removes or links it. Each has the names that its owner was answered, and as
// many links; and nothing waits in the index for names that are gone.

import { chmodSync, mkdirSync } from 'node:fs';
import t from 'tap';
import { list } from '../mounted/hosts.ts';
import { mountOther } from '../mounted/second.ts';
import { mountTest } from '../mounted/support.ts';
import { compiled, seedOf } from './exerciser.ts';
import { Answers, faultsOfOwn, strangers } from './hosts-model.ts';
import { exercise, layOwn } from './hosts-process.ts';
import { limit, scaled } from './support.ts';

const ROUND = 2;
const rounds = Array.from({ length: Math.max(1, Math.round(scaled(60) / ROUND)) }, (_, round) => `r${round}`);
const OWNERS = ['0', '1'];
const LOOKERS = ['2', '3', '4', '5'];

await mountTest(
  t,
  'names of one file',
  {
    root: true,
    backing: 'ext4',
    needs: ['gcc'],
    options: 'cache=none',
    timeout: limit(rounds.length * ROUND * 4000 + 120_000),
    prepare: ({ upper, lower: [lower] }) => {
      const program = compiled('long/hosts-exerciser', `${upper}/..`);
      for (const round of rounds) {
        for (const i of [0, 1, 2, 3]) {
          mkdirSync(`${lower}/${round}/d${i}`, { recursive: true });
          chmodSync(`${lower}/${round}/d${i}`, 0o777);
        }
        for (const id of OWNERS) layOwn(program, `${lower}/${round}`, id);
      }
    },
  },
  async (t, m) => {
    const others = [];
    for (const host of ['b', 'c']) others.push(await mountOther(t, m, host, 'cache=none', { host }));
    const hosts = [m.mnt, ...others.map(({ mnt }) => mnt)];
    let seed = seedOf();
    for (const round of rounds) {
      const start = (host: number, id: string, does: 'own' | 'look') => {
        const root = `${hosts[host]}/${round}`;
        return exercise({
          program: `${m.dir}/hosts-exerciser`,
          root,
          id,
          seed: seed++,
          seconds: ROUND,
          does,
        });
      };
      const answers = new Answers();
      const running = [
        ...OWNERS.map((id) => start(0, id, 'own')),
        ...LOOKERS.map((id, i) => start(1 + (i % others.length), id, 'look')),
      ];
      for (const { status, output, said } of await Promise.all(running)) {
        t.equal(status, 0, said);
        answers.add(output);
      }
      for (const mnt of hosts) {
        const root = `${mnt}/${round}`;
        const faults = [...faultsOfOwn(root, answers), ...strangers(root, answers, new Set())];
        t.same(faults, [], `${answers.own.size} own names`);
      }
      for (const layer of [m.upper, ...m.lower]) {
        t.same(list(`${layer}/.migratefs/links`), [], 'nothing waits');
        t.same(list(`${layer}/.migratefs/work`), [], 'nothing is left half-way');
      }
    }
    for (const log of [m.log(), ...others.map((other) => other.log())])
      t.notMatch(log, / level=(?:warn|error) /);
  },
);
