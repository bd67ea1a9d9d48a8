// Defect 6: copying the directory a/b up deleted the new file a/a/b. Defect 14: directories made in the old storage for a rename were
// open to all. Defect 16: a directory above a file of the same name could not be listed, removed or entered.

import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import t from 'tap';
import { errnoOf, MEMBER, NOBODY, pathsIn } from './defects-support.ts';
import { describe, getfacl, mountTest, sh } from './support.ts';

await mountTest(
  t,
  '6: making a/b on the new storage leaves a/a/b alone',
  { root: true, backing: 'tmpfs' },
  (t, m) => {
    const [lower, { upper, mnt }] = [m.lower[0] as string, m];
    const acts: Record<string, (path: string) => void> = {
      append: (path) => appendFileSync(`${path}/b/f`, '+'),
      create: (path) => writeFileSync(`${path}/b/new`, 'new'),
      mkdir: (path) => mkdirSync(`${path}/b/newdir`),
      link: (path) => linkSync(`${path}/a/b`, `${path}/b/linked`),
      'rename into': (path) => {
        writeFileSync(`${path}/moving`, 'moving');
        renameSync(`${path}/moving`, `${path}/b/moved`);
      },
    };
    for (const [name, act] of Object.entries(acts)) {
      // a/b/f is old, a/a/b new; and the same with more directories before them, and behind.
      for (const prefix of [`${name}/a`, `${name}/x/x/a`, `${name}/a/b/a`]) {
        mkdirSync(`${lower}/${prefix}/b`, { recursive: true });
        writeFileSync(`${lower}/${prefix}/b/f`, 'old');
        mkdirSync(`${upper}/${prefix}/a/a`, { recursive: true });
        for (const file of ['a/b', 'a/a/b', 'f']) writeFileSync(`${upper}/${prefix}/${file}`, `keep ${file}`);
        act(`${mnt}/${prefix}`);
        t.ok(lstatSync(`${upper}/${prefix}/b`).isDirectory(), `${name}: ${prefix}/b is on the new storage`);
        for (const file of ['a/b', 'a/a/b', 'f']) {
          t.equal(readFileSync(`${upper}/${prefix}/${file}`, 'utf8'), `keep ${file}`);
          t.equal(readFileSync(`${mnt}/${prefix}/${file}`, 'utf8'), `keep ${file}`);
        }
        t.match(readFileSync(`${mnt}/${prefix}/b/f`, 'utf8'), /^old\+?$/);
      }
    }
  },
);

await mountTest(
  t,
  '14: directories made in the old storage are as the merged tree shows them',
  { root: true, needs: ['setfacl', 'getfacl', 'setfattr'] },
  (t, m) => {
    const [lower, { upper, mnt }] = [m.lower[0] as string, m];
    const dirs = { private: 0o700, group: 0o2750, sticky: 0o1777, 'private/in/side': 0o710, acl: 0o750 };
    for (const [name, mode] of Object.entries(dirs)) {
      mkdirSync(`${upper}/${name}`, { recursive: true });
      chownSync(`${upper}/${name}`, MEMBER.uid, NOBODY.gid);
      chmodSync(`${upper}/${name}`, mode);
    }
    const acl = `setfacl -m u:${NOBODY.uid}:rx -m d:u:${NOBODY.uid}:rwx -m d:o::- "$1"`;
    sh(`${acl}; setfattr -n user.note -v kept "$1"`, { args: [`${upper}/acl`] });
    process.umask(0);
    for (const name of Object.keys(dirs)) {
      writeFileSync(`${lower}/f`, 'old');
      renameSync(`${mnt}/f`, `${mnt}/${name}/moved`);
      t.ok(existsSync(`${lower}/${name}/moved`), `${name}: the file has stayed in the old storage`);
      for (let dir = name; dir !== '.'; dir = dir.includes('/') ? dir.replace(/\/[^/]+$/, '') : '.') {
        const [made, model] = [describe(`${lower}/${dir}`), describe(`${upper}/${dir}`)];
        t.same(made, model, `${dir} has the mode ${model.mode}, owner, ACLs and xattrs that users see`);
        t.equal(getfacl(`${lower}/${dir}`), getfacl(`${upper}/${dir}`));
      }
    }
    // A directory that both layers have moves into one that the new storage alone has.
    for (const layer of [lower, upper]) mkdirSync(`${layer}/merged`);
    writeFileSync(`${lower}/merged/old`, 'old');
    mkdirSync(`${upper}/only`, { mode: 0o700 });
    chownSync(`${upper}/only`, NOBODY.uid, NOBODY.gid);
    renameSync(`${mnt}/merged`, `${mnt}/only/merged`);
    t.same(describe(`${lower}/only`), describe(`${upper}/only`));
    t.equal(readFileSync(`${mnt}/only/merged/old`, 'utf8'), 'old');
    t.same(pathsIn(`${lower}/only`), ['merged', 'merged/old']);
  },
);

for (const lowers of [1, 2]) {
  const name = `16: a directory above a file of the same name, ${lowers} old`;
  await mountTest(t, name, { root: true, backing: 'tmpfs', lowers, options: 'cache=none' }, async (t, m) => {
    const { upper, mnt } = m;
    // Over the lowest layer: in the new storage, or in the old one in the middle.
    const below = m.lower.at(-1) as string;
    const above = lowers === 1 ? upper : (m.lower[0] as string);
    for (const dir of ['list', 'remove', 'rename', 'file']) {
      mkdirSync(`${above}/${dir}/sub`, { recursive: true });
      writeFileSync(`${below}/${dir}`, 'a file below');
    }
    t.ok(lstatSync(`${mnt}/list`).isDirectory());
    t.same(readdirSync(`${mnt}/list`), ['sub'], 'listed');
    t.equal(sh('cd "$1/list/sub" && ls -a', { args: [mnt] }), '.\n..', 'entered');
    writeFileSync(`${mnt}/list/new`, 'new');
    mkdirSync(`${mnt}/list/sub/deep`);
    t.same(pathsIn(`${mnt}/list`), ['new', 'sub', 'sub/deep']);
    t.equal(readFileSync(`${below}/list`, 'utf8'), 'a file below', 'what is hidden is left');

    t.equal(
      errnoOf(() => rmdirSync(`${mnt}/remove`)),
      'ENOTEMPTY',
    );
    rmdirSync(`${mnt}/remove/sub`);
    rmdirSync(`${mnt}/remove`);
    t.equal(
      errnoOf(() => lstatSync(`${mnt}/remove`)),
      'ENOENT',
      'removed, and the file does not appear',
    );
    t.notOk(existsSync(`${below}/remove`) || existsSync(`${above}/remove`));

    renameSync(`${mnt}/rename`, `${mnt}/renamed`);
    t.equal(
      errnoOf(() => lstatSync(`${mnt}/rename`)),
      'ENOENT',
      'renamed, and the file does not appear',
    );
    t.same(readdirSync(`${mnt}/renamed`), ['sub']);
    renameSync(`${mnt}/renamed/sub`, `${mnt}/rename`);
    t.same(readdirSync(`${mnt}/rename`), [], 'another directory takes the name');

    // An old file goes into the directory that has a file's name in its own layer: it comes up, or fails, but is not lost.
    writeFileSync(`${below}/moving`, 'moving');
    renameSync(`${mnt}/moving`, `${mnt}/file/moved`);
    t.equal(readFileSync(`${mnt}/file/moved`, 'utf8'), 'moving');
    t.notOk(existsSync(`${below}/moving`));

    await m.remount();
    t.same(readdirSync(mnt).sort(), ['file', 'list', 'rename', 'renamed']);
    t.equal(readFileSync(`${mnt}/file/moved`, 'utf8'), 'moving');
  });

  const other = `16: a file above a directory of the same name, ${lowers} old`;
  await mountTest(t, other, { root: true, backing: 'tmpfs', lowers, options: 'cache=none' }, async (t, m) => {
    const { mnt } = m;
    const below = m.lower.at(-1) as string;
    const above = lowers === 1 ? m.upper : (m.lower[0] as string);
    for (const file of ['read', 'remove', 'rename', 'over']) {
      writeFileSync(`${above}/${file}`, `the file ${file}`);
      mkdirSync(`${below}/${file}/sub`, { recursive: true });
      writeFileSync(`${below}/${file}/deep`, 'hidden');
    }
    t.equal(readFileSync(`${mnt}/read`, 'utf8'), 'the file read');
    t.equal(
      errnoOf(() => readdirSync(`${mnt}/read`)),
      'ENOTDIR',
    );
    t.equal(
      errnoOf(() => lstatSync(`${mnt}/read/deep`)),
      'ENOTDIR',
    );
    t.equal(
      errnoOf(() => rmdirSync(`${mnt}/remove`)),
      'ENOTDIR',
    );
    appendFileSync(`${mnt}/read`, '+');
    t.equal(readFileSync(`${m.upper}/read`, 'utf8'), 'the file read+');
    unlinkSync(`${mnt}/remove`);
    renameSync(`${mnt}/rename`, `${mnt}/renamed`);
    renameSync(`${mnt}/renamed`, `${mnt}/over`);
    for (const gone of ['remove', 'rename', 'renamed']) {
      t.equal(
        errnoOf(() => lstatSync(`${mnt}/${gone}`)),
        'ENOENT',
        `${gone}: no directory appears`,
      );
    }
    mkdirSync(`${mnt}/rename`);
    t.same(readdirSync(`${mnt}/rename`), [], 'a new directory of the name is empty');
    await m.remount();
    t.same(pathsIn(mnt), ['over', 'read', 'rename']);
    t.equal(readFileSync(`${mnt}/over`, 'utf8'), 'the file rename');
    const kept = sh('find "$1" -name deep', { args: [below] }).split('\n');
    t.equal(kept.length, 4, 'nobody has asked to delete what was hidden: it is set aside');
  });
}
