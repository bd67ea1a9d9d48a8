// Defect 1: whoever could reach an old file destroyed it: opening it with O_TRUNC emptied and deleted it before his permission was
// checked, and an open for writing that was refused migrated it all the same.

import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { all, attempts, NOBODY, pathsIn, truncateAs } from './defects-support.ts';
import { mountTest, treeDigest } from './support.ts';

const REFUSED = {
  'O_TRUNC 0600': 'fs.openSync(m + "/d/secret", c.O_WRONLY | c.O_TRUNC)',
  'O_TRUNC 0644': 'fs.openSync(m + "/d/public", c.O_WRONLY | c.O_TRUNC)',
  'O_RDONLY|O_TRUNC 0644': 'fs.openSync(m + "/d/public", c.O_RDONLY | c.O_TRUNC)',
  'O_CREAT|O_TRUNC 0644': 'fs.openSync(m + "/d/public", c.O_WRONLY | c.O_CREAT | c.O_TRUNC)',
  'O_WRONLY 0600': 'fs.openSync(m + "/d/secret", c.O_WRONLY)',
  'O_WRONLY 0644': 'fs.openSync(m + "/d/public", c.O_WRONLY)',
  'O_RDWR 0644': 'fs.openSync(m + "/d/public", c.O_RDWR)',
  'O_APPEND 0644': 'fs.openSync(m + "/d/public", c.O_WRONLY | c.O_APPEND)',
  'O_TRUNC in a closed directory': 'fs.openSync(m + "/closed/open", c.O_WRONLY | c.O_TRUNC)',
  unlink: 'fs.unlinkSync(m + "/d/public")',
  'rename within': 'fs.renameSync(m + "/d/public", m + "/d/other")',
  'rename away': 'fs.renameSync(m + "/d/public", m + "/shared/public")',
};

const NOT_PERMITTED = {
  chmod: 'fs.chmodSync(m + "/d/public", 0o777)',
  chown: `fs.chownSync(m + "/d/public", ${NOBODY.uid}, ${NOBODY.gid})`,
  utimes: 'fs.utimesSync(m + "/d/public", 1, 1)',
  link: 'fs.linkSync(m + "/d/public", m + "/shared/link")',
  'sticky unlink': 'fs.unlinkSync(m + "/shared/roots")',
  'sticky rename': 'fs.renameSync(m + "/shared/roots", m + "/shared/mine")',
};

const ALLOWED = {
  'own file, O_TRUNC': 'fs.writeFileSync(m + "/d/own", "new")',
  'open to all, O_APPEND': 'fs.appendFileSync(m + "/d/all", "+")',
};

function layers(lower: string): void {
  for (const dir of ['d', 'closed', 'shared']) mkdirSync(`${lower}/${dir}`);
  writeFileSync(`${lower}/d/secret`, 'secret\n', { mode: 0o600 });
  writeFileSync(`${lower}/d/public`, 'public\n');
  writeFileSync(`${lower}/d/own`, 'own\n');
  chownSync(`${lower}/d/own`, NOBODY.uid, NOBODY.gid);
  for (const name of ['all', 'all2']) {
    writeFileSync(`${lower}/d/${name}`, 'all\n');
    chmodSync(`${lower}/d/${name}`, 0o666);
  }
  writeFileSync(`${lower}/closed/open`, 'open\n');
  chmodSync(`${lower}/closed/open`, 0o666);
  chmodSync(`${lower}/closed`, 0o700);
  writeFileSync(`${lower}/shared/roots`, 'roots\n');
  chmodSync(`${lower}/shared`, 0o1777);
}

for (const options of ['', 'permissions=layer']) {
  const name = `1: a refused write leaves an old file where and what it is${options && ` (${options})`}`;
  const prepare = ({ lower }: { lower: string[] }) => layers(lower[0] as string);
  await mountTest(t, name, { root: true, needs: ['setpriv', 'perl'], options, prepare }, (t, m) => {
    const lower = m.lower[0] as string;
    const before = treeDigest(lower);
    t.same(attempts(NOBODY, m.mnt, REFUSED), all(REFUSED, 'EACCES'), 'refused');
    for (const [name, size] of [
      ['secret', 0],
      ['public', 0],
      ['public', 6],
      ['public', 1000],
    ] as const) {
      t.equal(
        truncateAs(NOBODY, `${m.mnt}/d/${name}`, size),
        'Permission denied',
        `truncate ${name} to ${size}`,
      );
    }
    t.same(attempts(NOBODY, m.mnt, NOT_PERMITTED), all(NOT_PERMITTED, 'EPERM'), 'not permitted');
    t.same(treeDigest(lower), before, 'the old storage is as it was');
    t.same(pathsIn(m.upper), [], 'nothing has been made on the new one, parents neither');
    t.equal(readFileSync(`${m.mnt}/d/secret`, 'utf8'), 'secret\n');

    t.same(attempts(NOBODY, m.mnt, ALLOWED), all(ALLOWED, 'ok'), 'who may write writes');
    t.equal(readFileSync(`${m.upper}/d/own`, 'utf8'), 'new');
    t.equal(readFileSync(`${m.upper}/d/all`, 'utf8'), 'all\n+');
    t.equal(truncateAs(NOBODY, `${m.mnt}/d/all2`, 2), 'ok');
    t.equal(readFileSync(`${m.upper}/d/all2`, 'utf8'), 'al');
    t.equal(lstatSync(`${m.upper}/d/own`).uid, NOBODY.uid);
    t.notOk(existsSync(`${lower}/d/own`) || existsSync(`${lower}/d/all`), 'and has migrated');
  });
}

await mountTest(
  t,
  '1: a rename that a sticky directory refuses migrates nothing',
  {
    root: true,
    needs: ['setpriv'],
    options: 'permissions=layer',
    prepare: ({ lower, upper }) => {
      layers(lower[0] as string);
      mkdirSync(`${upper}/shared`);
      chmodSync(`${upper}/shared`, 0o1777);
      writeFileSync(`${upper}/shared/mine`, 'mine\n');
      chownSync(`${upper}/shared/mine`, NOBODY.uid, NOBODY.gid);
    },
  },
  (t, m) => {
    const before = [treeDigest(m.lower[0] as string), treeDigest(m.upper)];
    const acts = { rename: 'fs.renameSync(m + "/shared/roots", m + "/shared/mine")' };
    t.same(attempts(NOBODY, m.mnt, acts), all(acts, 'EPERM'));
    t.same([treeDigest(m.lower[0] as string), treeDigest(m.upper)], before);
  },
);
