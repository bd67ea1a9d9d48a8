// Whoever may not, changes nothing: no copy, no parent, no emptied file, and nothing that a failed operation has half done.

import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import t from 'tap';
import { mountTest, must, outcome, sh, shAs, until } from './support.ts';

const NOBODY = { uid: 65534, gid: 65534 };
const text = (path: string) => readFileSync(path, 'utf8');

await mountTest(
  t,
  'a file that may be written but not read is not emptied by an open that is refused',
  {
    root: true,
    options: 'permissions=layer',
    prepare: ({ lower: [lower] }) => {
      writeFileSync(`${lower}/wo`, 'precious');
      chmodSync(`${lower}/wo`, 0o602);
    },
  },
  (t, m) => {
    const tried = shAs(NOBODY, 'exec 3<>"$1"', { args: [`${m.mnt}/wo`] });
    t.not(tried.status, 0);
    t.equal(text(`${m.lower[0]}/wo`), 'precious');
    t.notOk(existsSync(`${m.upper}/wo`));
  },
);

await mountTest(
  t,
  'append-only and immutable files of the old storage stay what they are',
  {
    root: true,
    backing: 'ext4',
    needs: ['chattr'],
    prepare: ({ lower: [lower] }) => {
      for (const name of ['append', 'immutable']) writeFileSync(`${lower}/${name}`, 'precious');
      must('chattr', ['+a', `${lower}/append`]);
      must('chattr', ['+i', `${lower}/immutable`]);
    },
  },
  (t, m) => {
    for (const name of ['append', 'immutable']) {
      t.equal(
        outcome(() => writeFileSync(`${m.mnt}/${name}`, '')),
        'EPERM',
        name,
      );
      t.equal(text(`${m.mnt}/${name}`), 'precious');
      t.notOk(existsSync(`${m.upper}/${name}`));
      must('chattr', ['-ai', `${m.lower[0]}/${name}`]);
    }
  },
);

await mountTest(
  t,
  'a directory rename that fails leaves the directory that it was to replace',
  {
    root: true,
    backing: 'ext4',
    needs: ['chattr'],
    prepare: ({ upper, lower: [lower] }) => {
      mkdirSync(`${upper}/from`);
      writeFileSync(`${upper}/from/file`, '');
      mkdirSync(`${lower}/to`);
      chmodSync(`${lower}/to`, 0o751);
      must('chattr', ['+i', `${upper}/from`]);
    },
  },
  (t, m) => {
    t.equal(
      outcome(() => renameSync(`${m.mnt}/from`, `${m.mnt}/to`)),
      'EPERM',
    );
    t.equal(statSync(`${m.mnt}/to`).mode & 0o777, 0o751);
    t.equal(statSync(`${m.lower[0]}/to`).mode & 0o777, 0o751);
    must('chattr', ['-i', `${m.upper}/from`]);
    renameSync(`${m.mnt}/from`, `${m.mnt}/to`);
    t.same(readdirSync(`${m.mnt}/to`), ['file']);
    for (const layer of [m.upper, m.lower[0]]) {
      const work = `${layer}/.migratefs/work`;
      t.same(existsSync(work) ? readdirSync(work) : [], []);
    }
  },
);

await mountTest(
  t,
  'nothing is made, or shown, below a file that hides it',
  {
    lowers: 2,
    prepare: ({ upper, lower: [first, second] }) => {
      mkdirSync(`${upper}/D`);
      writeFileSync(`${first}/D`, 'a file');
      mkdirSync(`${second}/D`);
      writeFileSync(`${second}/D/secret`, '');
      writeFileSync(`${second}/f`, 'f');
    },
  },
  async (t, m) => {
    renameSync(`${m.mnt}/f`, `${m.mnt}/D/f`);
    t.same(readdirSync(`${m.mnt}/D`), ['f']);
    await m.remount();
    t.same(readdirSync(`${m.mnt}/D`), ['f']);
  },
);

await mountTest(
  t,
  'a replaced file of the old storage is protected by a sticky directory',
  {
    root: true,
    options: 'permissions=layer',
    prepare: ({ lower: [lower] }) => {
      mkdirSync(`${lower}/tmp`);
      chmodSync(`${lower}/tmp`, 0o1777);
      writeFileSync(`${lower}/tmp/v`, 'victim');
      chownSync(`${lower}/tmp/v`, 1, 1);
    },
  },
  (t, m) => {
    const tried = shAs(NOBODY, 'cd "$1" && echo evil > e && mv -f e v', { args: [`${m.mnt}/tmp`] });
    t.not(tried.status, 0);
    t.equal(text(`${m.mnt}/tmp/v`), 'victim');
  },
);

await mountTest(
  t,
  'a descriptor that was passed on works where its path is closed',
  { root: true, options: 'cache=none', prepare: ({ lower: [lower] }) => mkdirSync(`${lower}/priv`, 0o700) },
  (t, m) => {
    const script =
      'setpriv --reuid 65534 --regid 65534 --clear-groups sh -c "echo x; cat /etc/hostname" > "$1"';
    sh(script, { args: [`${m.mnt}/priv/out`] });
    t.match(text(`${m.mnt}/priv/out`), /^x\n/);
  },
);

await mountTest(t, 'O_APPEND that fcntl(2) takes away is away', { needs: ['perl'] }, (t, m) => {
  writeFileSync(`${m.mnt}/f`, 'base');
  const script =
    'use Fcntl; sysopen(F, $ARGV[0], O_WRONLY|O_APPEND) or die; fcntl(F, F_SETFL, 0) or die; sysseek(F,0,0); syswrite(F,"X"); close F or die';
  must('perl', ['-e', script, `${m.mnt}/f`]);
  t.equal(text(`${m.mnt}/f`), 'Xase');
});

await mountTest(
  t,
  'only root is told of trusted attributes',
  {
    root: true,
    needs: ['setfattr', 'getfattr'],
    prepare: ({ lower: [lower] }) => {
      writeFileSync(`${lower}/f`, '');
      sh('setfattr -n trusted.secret -v 1 "$1"; setfattr -n user.open -v 1 "$1"', { args: [`${lower}/f`] });
    },
  },
  (t, m) => {
    const list = 'getfattr --absolute-names -m - "$1"';
    t.match(sh(list, { args: [`${m.mnt}/f`] }), /trusted\.secret/);
    const users = shAs(NOBODY, list, { args: [`${m.mnt}/f`] }).stdout.toString();
    t.match(users, /user\.open/);
    t.notMatch(users, /trusted/);
  },
);

await mountTest(
  t,
  'a directory that looked empty is asked again before it is removed',
  {
    options: 'cache=shared',
    lowers: 2,
    prepare: ({ lower: [first] }) => mkdirSync(`${first}/D`),
  },
  async (t, m) => {
    t.same(readdirSync(`${m.mnt}/D`), []);
    // Another host does this.
    mkdirSync(`${m.lower[1]}/D`);
    writeFileSync(`${m.lower[1]}/D/file`, 'precious');
    t.equal(
      outcome(() => rmdirSync(`${m.mnt}/D`)),
      'ENOTEMPTY',
    );
    await until('the file is seen', () => readdirSync(`${m.mnt}/D`).includes('file'));
    appendFileSync(`${m.mnt}/D/file`, '!');
    t.equal(text(`${m.upper}/D/file`), 'precious!');
  },
);
