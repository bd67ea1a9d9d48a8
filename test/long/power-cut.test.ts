// The power is cut at each step of a copy-up, and each storage has kept no more than it was asked to make durable, or all that it was given,
// whichever is worse: the name shows the old file or its whole copy, and never nothing.

import { linkSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { OLD, type Places, powerTest, type Scenario, shown } from '../mounted/power.ts';
import { type Described, describe, sh } from '../mounted/support.ts';

/** What a file is, but for what appending to it changes. */
const lasting = (path: string) => {
  const { mode, owner, xattrs, links, type }: Described = describe(path, { times: false, content: false });
  return { mode, owner, xattrs, links, type };
};

const isOldOrMore = (t: Test, places: Places, name: string, label: string) =>
  t.match(shown(places, name), /^old( and more)?$/, `${label}: ${name}`);

const TREE = ['d/e/f', 'd/e', 'd'];

const copies: Scenario = {
  name: 'copy',
  points: ['copyup.published', 'copyup.durable', 'source.aside', 'answered'],
  quicker: 'old',
  prepare: ({ lower }) => {
    mkdirSync(`${lower}/d/e`, { recursive: true });
    writeFileSync(`${lower}/d/e/f`, OLD);
    sh(
      `chown 1234:1235 d d/e d/e/f; chmod 2750 d/e; chmod 6711 d/e/f; setfattr -n user.k -v value d/e/f d/e
       setfacl -m u:1236:rw d/e/f; setfacl -d -m u:1236:rwx d/e; touch -d @1000000000.123456789 d/e/f`,
      { cwd: lower },
    );
  },
  facts: ({ lower }) => TREE.map((name) => lasting(`${lower}/${name}`)),
  act: 'echo more >>d/e/f',
  check: (t, places, label, facts) => {
    isOldOrMore(t, places, 'd/e/f', label);
    t.same(
      TREE.map((name) => lasting(`${places.mnt}/${name}`)),
      facts,
      `${label}: owner, mode, attributes`,
    );
  },
};

const specials: Scenario = {
  name: 'symlink',
  points: ['copyup.durable', 'answered'],
  quicker: 'old',
  prepare: ({ lower, upper }) => {
    mkdirSync(upper);
    writeFileSync(`${upper}/to`, OLD);
    sh('ln -s "$(printf %0900d 7)" link; chown -h 1234 link', { cwd: lower });
  },
  facts: ({ lower }) => describe(`${lower}/link`),
  act: 'mv link to',
  check: (t, places, label, facts) => {
    const { mnt } = places;
    const to = describe(`${mnt}/to`);
    if (to.type === 'link') t.same(to, facts, `${label}: moved`);
    else {
      t.same(describe(`${mnt}/link`), facts, `${label}: not moved`);
      t.equal(shown(places, 'to'), 'old', label);
    }
  },
};

/** One file under several names, which stays one. */
const isOneFile = (t: Test, places: Places, names: string[], label: string) => {
  const inodes = names.map((name) => statSync(`${places.mnt}/${name}`).ino);
  t.equal(new Set(inodes).size, 1, `${label}: one file`);
};

const severalNames: Scenario = {
  name: 'names',
  points: ['copyup.published', 'copyup.durable', 'copyup.removed', 'answered'],
  prepare: ({ lower }) => {
    writeFileSync(`${lower}/f`, OLD, { mode: 0o640 });
    for (const name of ['g', 'h']) linkSync(`${lower}/f`, `${lower}/${name}`);
  },
  act: 'echo more >>f',
  check: (t, places, label) => {
    for (const name of ['g', 'f', 'h']) isOldOrMore(t, places, name, label);
    isOneFile(t, places, ['g', 'f', 'h'], label);
    sh('echo after >>h; tail -n 1 f | grep -q after', { cwd: places.mnt });
    isOneFile(t, places, ['g', 'f', 'h'], `${label}, written to`);
  },
};

const furtherNames: Scenario = {
  name: 'further-names',
  points: ['link.taken', 'link.durable', 'answered'],
  prepare: ({ lower }) => {
    writeFileSync(`${lower}/f`, OLD, { mode: 0o640 });
    for (const name of ['g', 'h', 'i']) linkSync(`${lower}/f`, `${lower}/${name}`);
  },
  before: 'echo more >>f; stat g',
  act: 'stat h',
  check: (t, places, label) => {
    const names = ['i', 'g', 'h', 'f'];
    for (const name of names) t.equal(shown(places, name), 'old and more', `${label}: ${name}`);
    isOneFile(t, places, names, label);
  },
};

await powerTest(t, 'copying up', ['ext4', 'xfs', 'btrfs'], [copies, specials, severalNames, furtherNames]);
