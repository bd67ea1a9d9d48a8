// Layers that hold what nobody would put there: each is shown as it is, or refused with a clear errno; nothing is damaged and all else
// works.

import {
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import t from 'tap';
import { errnoOf, NOBODY } from './defects-support.ts';
import { isRoot, type Mounted, mountTest, must, outcome, sh, shAs, treeDigest, whereIs } from './support.ts';

const text = (path: string | Buffer) => readFileSync(path, 'utf8');

await mountTest(
  t,
  'symbolic links: in loops, out of the layer, to nothing, to absolute paths',
  {
    lowers: 2,
    prepare: ({ upper, lower: [a = '', b = ''] }) => {
      sh('ln -s loop2 loop1; ln -s loop1 loop2; ln -s self self; mkdir d', { cwd: a });
      sh(
        'ln -s . dot; ln -s ../../../../../../../../etc/hostname out; ln -s /etc/hostname abs; ln -s nowhere/at/all dangling',
        { cwd: a },
      );
      sh('ln -s ../outside d/out; ln -s . d/dot; mkdir ../outside; echo kept > ../outside/kept', { cwd: a });
      // Where another layer has a symbolic link, it is the entry: no layer's path leads through it.
      sh('mkdir loop1 self dot; echo x > loop1/x; mkdir -p d/out; echo hidden > d/out/hidden', { cwd: b });
      symlinkSync('../outside', `${upper}/way`);
      sh('mkdir way; echo below > way/below', { cwd: a });
    },
  },
  (t, m) => {
    const outside = treeDigest(`${m.dir}/outside`);
    for (const name of ['loop1', 'loop2', 'self']) {
      t.equal(
        outcome(() => statSync(`${m.mnt}/${name}`).isFile()),
        'ELOOP',
        name,
      );
      t.equal(
        errnoOf(() => writeFileSync(`${m.mnt}/${name}`, 'x')),
        'ELOOP',
      );
      t.equal(
        errnoOf(() => readdirSync(`${m.mnt}/${name}`)),
        'ELOOP',
      );
      t.ok(lstatSync(`${m.mnt}/${name}`).isSymbolicLink());
    }
    t.equal(
      errnoOf(() => readFileSync(`${m.mnt}/dangling`)),
      'ENOENT',
    );
    t.equal(text(`${m.mnt}/abs`), text('/etc/hostname'), 'the caller follows them, in his own tree');
    t.same(readdirSync(`${m.mnt}/dot/dot/dot/d/dot`).sort(), ['dot', 'out']);
    t.equal(readlinkSync(`${m.mnt}/d/out`), '../outside');
    t.equal(
      errnoOf(() => readdirSync(`${m.mnt}/d/out`)),
      'ENOENT',
      'leads to a place in the mount',
    );
    // Changes are the link's own.
    for (const name of ['loop1', 'self', 'd/out', 'way'])
      renameSync(`${m.mnt}/${name}`, `${m.mnt}/moved-${name.replace('/', '-')}`);
    for (const name of ['loop1', 'self', 'way'])
      t.equal(whereIs(m, name), '', `${name} is gone from every layer`);
    writeFileSync(`${m.mnt}/dangling2`, '');
    symlinkSync('nowhere/new', `${m.mnt}/made`);
    if (isRoot) sh('chown -h 1:1 abs out', { cwd: m.mnt });
    sh('rm -rf moved-* made dot d', { cwd: m.mnt });
    t.same(treeDigest(`${m.dir}/outside`), outside, 'what is outside is as it was');
    t.same(readdirSync(m.mnt).sort(), ['abs', 'dangling', 'dangling2', 'loop2', 'out']);
  },
);

await mountTest(
  t,
  'what an overlayfs has left in a layer is shown as it is',
  {
    root: true,
    backing: 'ext4',
    size: '64M',
    needs: ['setfattr'],
    prepare: ({ upper, lower: [a = ''] }) => {
      sh(
        'mknod white c 0 0; mkdir opaque xwhite; setfattr -n trusted.overlay.opaque -v y opaque; : > xwhite/w; setfattr -n trusted.overlay.whiteout -v y xwhite/w',
        { cwd: upper },
      );
      sh('echo below > white; mkdir opaque xwhite; echo below > opaque/f; echo below > xwhite/w', { cwd: a });
    },
  },
  (t, m) => {
    const { rdev } = lstatSync(`${m.mnt}/white`);
    t.ok(lstatSync(`${m.mnt}/white`).isCharacterDevice() && rdev === 0, 'a device, which hides the file');
    t.same(readdirSync(`${m.mnt}/opaque`), ['f'], 'merged');
    t.equal(statSync(`${m.mnt}/xwhite/w`).size, 0, 'an empty file');
    unlinkSync(`${m.mnt}/white`);
    t.equal(whereIs(m, 'white'), '', 'nothing appears');
    sh('rm -r opaque xwhite', { cwd: m.mnt });
    t.same(readdirSync(m.mnt), []);
  },
);

await mountTest(
  t,
  'other file systems mounted inside the layers',
  {
    root: true,
    lowers: 2,
    prepare: ({ upper, lower: [a = '', b = ''] }) => {
      for (const layer of [upper, a, b])
        sh('mkdir in; echo here > in/f; echo hidden > in/hidden', { cwd: layer });
    },
  },
  async (t, m) => {
    const points = m.lower.map((layer) => `${layer}/in`);
    await m.unmount();
    for (const [i, point] of points.entries()) {
      must('mount', ['-t', 'tmpfs', 't', point]);
      sh('mkdir sub; echo $1 > f$1; echo x > sub/x; chmod 777 .', { cwd: point, args: [`${i}`] });
    }
    try {
      await m.remount();
      t.same(
        readdirSync(`${m.mnt}/in`).sort(),
        ['f', 'f0', 'f1', 'hidden', 'sub'],
        'they are part of the layer',
      );
      sh('echo more >> f0; mv f1 moved; rm -r sub; mkdir new; mv f0 ../out', { cwd: `${m.mnt}/in` });
      t.same(readdirSync(`${m.mnt}/in`).sort(), ['f', 'hidden', 'moved', 'new']);
      t.equal(text(`${m.mnt}/out`), '0\nmore\n');
      t.equal(
        errnoOf(() => renameSync(`${m.mnt}/in`, `${m.mnt}/away`)),
        'EBUSY',
        'a mount point does not move',
      );
      t.not(
        errnoOf(() => sh('rm -r "$1/in"', { args: [m.mnt] })),
        'ok',
      );
      t.ok(existsSync(`${m.mnt}/in`), 'nor goes');
      sh('echo works > "$1/in/again"', { args: [m.mnt] });
      t.equal(
        new Set(sh('find . -printf "%i\\n"', { cwd: m.mnt }).split('\n')).size,
        sh('find .', { cwd: m.mnt }).split('\n').length,
        'no number twice',
      );
    } finally {
      await m.unmount();
      for (const point of points) must('umount', [point]);
    }
    await m.remount();
  },
);

await mountTest(
  t,
  'a lower root that is reached by a symbolic link, and one that is a bind mount',
  {
    root: true,
    lowers: 2,
    prepare: ({ lower: [a = '', b = ''] }) => void sh('echo a > $1/a; echo b > $2/b', { args: [a, b] }),
  },
  async (t, m: Mounted) => {
    await m.unmount();
    sh(
      'mv $1 $1.real; ln -s $1.real $1; mkdir $2.bound; mount --bind $2 $2.bound; mv $2.bound $2.other 2>/dev/null || true',
      { args: m.lower },
    );
    try {
      await m.remount();
      sh('echo more >> a; echo more >> b; mkdir d', { cwd: m.mnt });
      t.same(readdirSync(m.mnt).sort(), ['a', 'b', 'd']);
      t.equal(text(`${m.upper}/a`), 'a\nmore\n');
    } finally {
      await m.unmount();
      sh('umount $2.bound; rmdir $2.bound; rm $1; mv $1.real $1', { args: m.lower });
    }
    await m.remount();
    t.equal(shAs(NOBODY, 'cat "$1/a"', { args: [m.mnt] }).stdout, 'a\nmore');
    truncateSync(`${m.mnt}/b`, 0);
  },
);
