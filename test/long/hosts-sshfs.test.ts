// Two hosts over an old storage that is far away, sshfs to a server that each request comes to milliseconds late: what they do to one file at the
// same moment meets in the middle of steps that elsewhere take no time, and once in the middle of the copy itself. Not renaming: sshfs numbers names,
// not files (docs/semantics.md, Deviations).

import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { type Hosts, hostsTest, list } from '../mounted/hosts.ts';
import { type MountTestOptions, sh, whereIs } from '../mounted/support.ts';
import { limit, scaled } from './support.ts';

const SFTP = '/usr/lib/openssh/sftp-server';
const SLOW = fileURLToPath(new URL('slow-sftp.pl', import.meta.url));
const DELAY_MS = 4;
const ROUNDS = scaled(12);

/** Some messages long. */
const OLD = 'old line\n'.repeat(20_000);

/** The rounds, and one in which the one host stands in its copy while the other works. */
const NAMES = [...Array(ROUNDS).keys(), 'forced'].map((name) => `f${name}`);

const options: MountTestOptions = {
  root: true,
  needs: ['sshfs', 'perl', SFTP],
  timeout: limit(300_000),
  prepare: ({ lower: [lower = ''] }) => {
    const dir = dirname(lower);
    mkdirSync(`${dir}/far`);
    for (const name of NAMES) writeFileSync(`${dir}/far/${name}`, OLD);
    writeFileSync(`${dir}/ssh`, `#!/bin/sh\nexec perl ${SLOW} ${DELAY_MS} ${SFTP}\n`, { mode: 0o755 });
    appendFileSync(`${dir}/mounts`, `${lower}\n`);
    sh('sshfs -o ssh_command="$1"/ssh,default_permissions x:"$1"/far "$2"', { args: [dir, lower] });
  },
};

/** The two at once, the second a little later each time; in the last the first is in the middle of its copy. @returns what they were answered */
async function meet(m: Hosts, name: string, first: string, second: string): Promise<string[]> {
  if (name !== 'fforced') {
    const writing = m.a.run(first);
    await sleep((NAMES.indexOf(name) % 12) * 2 * DELAY_MS);
    return Promise.all([writing, m.b.run(second)]);
  }
  const stopped = m.a.faults.pause('copyup.data');
  const writing = m.a.run(first);
  const there = await stopped();
  const other = await m.b.run(second);
  there.go();
  return [await writing, other];
}

const read = (m: Hosts, name: string): string | undefined => {
  const seen = [m.a, m.b].map(({ mnt }) =>
    existsSync(`${mnt}/${name}`) ? readFileSync(`${mnt}/${name}`, 'utf8') : undefined,
  );
  if (seen[0] !== seen[1]) throw new Error(`${name} is not the same on both hosts`);
  return seen[0];
};

/** @param second what the other host does to the file that the one appends to. @param check what is there then */
function farTest(
  what: string,
  second: (name: string) => string,
  check: (t: Test, m: Hosts, name: string) => void,
): Promise<unknown> {
  return hostsTest(t, `a host appends, another ${what}, far from the old storage`, options, async (t, m) => {
    t.teardown(() => sh('umount -l "$1"', { args: m.lower }));
    for (const name of NAMES) {
      const answers = await meet(m, name, `[ -s ${name} ]; echo a >>${name}`, second(name));
      // Nothing, from who has found that it is gone.
      t.match(answers.join(), /^(?:ok)?,ok$/, `${name}: ${answers}`);
      check(t, m, name);
      t.not(whereIs(m, name), 'upper lower', `${name} lies in one layer`);
    }
    t.same(
      list(`${m.upper}/.migratefs/slots`).filter((name) => name.startsWith('publishing')),
      [],
    );
    t.notMatch(m.log(), / level=error /);
  });
}

await farTest(
  'too',
  (name) => `echo b >>${name}`,
  (t, m, name) => {
    const all = read(m, name) ?? '';
    t.equal(all.slice(0, OLD.length), OLD);
    t.same(all.slice(OLD.length).split('\n').sort(), ['', 'a', 'b'], `${name}: each record is there, once`);
    t.equal(whereIs(m, name), 'upper');
  },
);

await farTest(
  'deletes',
  (name) => `rm ${name}`,
  (t, m, name) => {
    const left = read(m, name);
    t.ok(left === undefined || left === 'a\n', `${name}: what was deleted is not there again`);
  },
);
