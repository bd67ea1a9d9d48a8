// With `cache=shared` a host may believe for a second what it has seen, and no longer: names that another host makes, removes and exchanges, and
// what it changes of them, are seen by one that has looked just before.

import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { hostsTest } from './hosts.ts';
import { sh, until } from './support.ts';

await hostsTest(
  t,
  'what another host does is seen a moment later by who has looked just before',
  {
    options: 'cache=shared',
    prepare: ({ upper, lower: [lower = ''] }) => {
      mkdirSync(`${lower}/d`);
      for (const name of ['gone', 'moved', 'changed', 'replaced']) writeFileSync(`${lower}/d/${name}`, 'old');
      writeFileSync(`${upper}/new`, 'new');
    },
  },
  async (t, m) => {
    const at = (name: string) => `${m.b.mnt}/d/${name}`;
    const look = () =>
      ['missing', 'gone', 'moved', 'changed', 'replaced'].map(
        (name) => existsSync(at(name)) && statSync(at(name)).mode,
      );
    const before = look();
    t.same(before.map(Boolean), [false, true, true, true, true]);
    sh('echo 1 >d/missing; rm d/gone; mv d/moved d/there; chmod 600 d/changed; mv new d/replaced', {
      cwd: m.a.mnt,
    });
    await until('a name that was missing', () => existsSync(at('missing')), 5000);
    await until('a name that is gone', () => !existsSync(at('gone')) && !existsSync(at('moved')), 5000);
    await until('another mode', () => (statSync(at('changed')).mode & 0o777) === 0o600, 5000);
    await until('another file', () => readFileSync(at('replaced'), 'latin1') === 'new', 5000);
    t.equal(readFileSync(at('missing'), 'latin1'), '1\n');
    t.equal(readFileSync(at('there'), 'latin1'), 'old');
  },
);
