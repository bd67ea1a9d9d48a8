// What stands where our own directory should be, in the new storage and in the old: the mount is refused and nothing is touched, or goes
// on without it; and whoever may write to a storage's root cannot use it to show anybody what is not his.

import { lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import t from 'tap';
import { Sandbox } from '../cli/sandbox.ts';
import { errnoOf, NOBODY } from './defects-support.ts';
import { mountTest, sh, shAs, treeDigest, whereIs } from './support.ts';

const sandbox = new Sandbox();
const OPTIONS = 'lowerdir=old,upperdir=new';

/** Everything about every object but access times, which looking changes; and what is in files. */
const DIGEST = `digest() { find old new elsewhere -printf '%y %m %U:%G %n %s %T@ %p %l\\n' | sort; find old new elsewhere -type f -exec sha256sum {} + | sort; }`;

// biome-ignore format: a table
const FORGED: Record<string, [make: string, says: RegExp]> = {
  'a file': ['echo mine > $L/.migratefs', /is not a directory/],
  'a dangling symbolic link': ['ln -s nowhere $L/.migratefs', /is not a directory/],
  'a symbolic link to a directory elsewhere': ['ln -s ../elsewhere $L/.migratefs', /is not a directory/],
  'a FIFO': ['mkfifo $L/.migratefs', /is not a directory/],
  'a device': ['mknod $L/.migratefs c 1 3', /is not a directory/],
  'a directory of another owner': ['mkdir -m 700 $L/.migratefs; chown 4242:4242 $L/.migratefs', /belongs to the user 4242/],
  'a directory for all': ['mkdir -m 777 $L/.migratefs', /may be reached by others \(mode 777\)/],
  'a directory for a group': ['mkdir -m 2750 $L/.migratefs', /may be reached by others \(mode 2750\)/],
  'another file system': ['mkdir -m 700 $L/.migratefs; mount -t tmpfs -o mode=700 t $L/.migratefs', /is on another file system/],
};

for (const [what, [make, says]] of Object.entries(FORGED)) {
  for (const [layer, option] of [
    ['new', 'upperdir'],
    ['old', 'lowerdir'],
  ]) {
    if (layer === 'old' && !/file|another owner/.test(what)) continue;
    sandbox.test(t, `${what} in ${layer}`, false, async (t) => {
      const setup = `L=${layer}; mkdir elsewhere; echo kept > elsewhere/kept; echo text > old/f; mkdir new/d; ${make}; ${DIGEST}; digest > before`;
      const script = `migratefs -o ${OPTIONS} mnt; echo $?; migratefs -o ${OPTIONS},ro mnt; ls -A mnt; cat mnt/f; umount mnt; within '[ -z "$(daemons)" ]'; digest > after; diff before after`;
      const { status, stdout, stderr, mounts, left } = await sandbox.run({ setup, script });
      t.equal(status, 0, 'nothing has changed');
      t.equal(stdout, '1\nd\nf\ntext\n', 'refused; with ro it is only not shown');
      t.match(stderr, /^migratefs: [^\n]+\n/, 'in one line');
      t.match(stderr, says);
      t.match(stderr, new RegExp(`\\.migratefs in ${option} .*/${layer}" .*move it away`));
      t.same([...mounts, ...left], []);
    });
  }
}

sandbox.test(t, "root's directory in an old storage that a user mounts", true, async (t) => {
  const setup =
    'mkdir -m 700 old/.migratefs; chown 0:0 old/.migratefs; echo text > old/f; echo g > old/g; chown 65534:65534 old/f old/g; chmod 666 old/f';
  const script = `migratefs -o ${OPTIONS},log-file=log/log mnt; $AS sh -c 'ls -A mnt; echo more >> mnt/f; mv mnt/g mnt/h; cat mnt/f mnt/h'; migratefs umount mnt; cat log/log`;
  const { stdout, stderr, mounts, left } = await sandbox.run({ user: true, setup, script });
  t.match(stdout, /^f\ng\ntext\nmore\ng\n/, 'works without');
  t.match(stdout, /event=private_of_another layer=\S*old uid=0/);
  t.equal(stderr, '');
  t.same([...mounts, ...left], []);
});

sandbox.test(t, "root's directory in a new storage that a user mounts", true, async (t) => {
  const setup = 'mkdir -m 700 new/.migratefs; chown 0:0 new/.migratefs';
  const { status, stderr } = await sandbox.run({ user: true, setup, args: ['-o', OPTIONS, 'mnt'] });
  t.equal(status, 1);
  t.match(stderr, /^migratefs: .* belongs to the user 0, .*mount as its owner.*\n$/);
});

sandbox.test(
  t,
  'made at the mount, of the new storage and of what others may write to; not with ro',
  false,
  async (t) => {
    const look = `stat -c '%n %a %u %Y' new/.migratefs old/.migratefs 2>/dev/null | sed 's/ [0-9]*$//'; stat -c '%n %Y' new old; migratefs umount mnt; rm -rf */.migratefs; touch -d @1000000 new old`;
    const { stdout } = await sandbox.run({
      setup: 'touch -d @1000000 new old',
      script: `migratefs -o ${OPTIONS},ro mnt; ${look}; migratefs -o ${OPTIONS} mnt; ${look}
chmod 1777 old; migratefs -o ${OPTIONS} mnt; ${look}; chmod 755 old; chown 4242 old; migratefs -o ${OPTIONS} mnt; ${look}`,
    });
    const times = ['new 1000000', 'old 1000000'];
    const [inNew, inOld] = ['new/.migratefs 700 0', 'old/.migratefs 700 0'];
    t.same(
      stdout.trim().split('\n'),
      [times, inNew, times, inNew, inOld, times, inNew, inOld, times].flat(),
      "the root's times stay",
    );
  },
);

/** Linked files of the user 4000, which others may read but not write. */
const LINKED =
  'mkdir -m 755 d; for f in one two; do echo $f > d/$f; ln d/$f d/$f-b; chmod 644 d/$f; chown 4000:4000 d/$f; done';
const keys = (upper: string) => readdirSync(`${upper}/.migratefs/links`);

await mountTest(
  t,
  'who may write to the roots cannot forge the link index, nor stop copies',
  {
    root: true,
    needs: ['setpriv'],
    prepare: ({ upper, lower: [lower = ''] }) => {
      sh(LINKED, { cwd: lower });
      sh('chmod 777 "$@"', { args: [upper, lower] });
    },
  },
  async (t, m) => {
    const attack = `
      for l in "$1" "$2"; do
        ! mkdir $l/.migratefs 2>/dev/null; ! ls $l/.migratefs 2>/dev/null
        mv $l/.migratefs $l/taken; mkdir -m 777 $l/.migratefs; mkdir -m 777 $l/.migratefs/links $l/.migratefs/work
      done
      mkdir -m 777 "$1/.migratefs/links/$3"; echo forged > "$1/.migratefs/links/$3/1"; echo forged > "$1/.migratefs/links/$3/2"`;
    // The key of the file as the index would have it.
    const { ino, birthtimeNs } = statSync(`${m.lower[0]}/d/two`, { bigint: true });
    const key = `1-${ino.toString(16).padStart(16, '0')}-b${birthtimeNs / 1000000000n}.${birthtimeNs % 1000000000n}`;
    const done = shAs(NOBODY, attack, { args: [m.upper, m.lower[0] as string, key] });
    t.equal(done.status, 0, done.stderr);
    t.equal(readFileSync(`${m.mnt}/d/two-b`, 'utf8'), 'two\n', 'what is read is not his');
    sh('echo more >> d/one; ln -s x d/l; mkdir -m 700 new; mv d/l new/l; chown -h 1 new/l', { cwd: m.mnt });
    t.equal(
      readFileSync(`${m.mnt}/d/one-b`, 'utf8'),
      'one\nmore\n',
      'our own is where it was, by another name',
    );
    t.equal(whereIs(m, 'd/one-b'), 'upper');
    t.equal(readFileSync(`${m.mnt}/d/two-b`, 'utf8'), 'two\n');
    t.same(readdirSync(`${m.upper}/.migratefs/links`), [key], 'his is untouched');
    await m.unmount();
    sh('for l; do rm -r $l/.migratefs; mv $l/taken $l/.migratefs; done', {
      args: [m.upper, m.lower[0] as string],
    });
    await m.remount();
    t.equal(readFileSync(`${m.mnt}/d/one`, 'utf8'), 'one\nmore\n');
  },
);

await mountTest(
  t,
  'removed behind the mount it is made again, for all workers',
  { root: true, options: 'threads=4', prepare: ({ lower: [lower = ''] }) => void sh(LINKED, { cwd: lower }) },
  (t, m) => {
    sh('rm -r .migratefs', { cwd: m.upper });
    sh('echo more >> d/one; for i in $(seq 40); do cat d/one-b; stat d/*; done | grep -c more', {
      cwd: m.mnt,
    });
    t.equal(readFileSync(`${m.mnt}/d/one-b`, 'utf8'), 'one\nmore\n');
    t.equal(statSync(`${m.mnt}/d/one`).ino, statSync(`${m.mnt}/d/one-b`).ino);
    t.equal(statSync(`${m.upper}/.migratefs`).mode & 0o7777, 0o700);
  },
);

// biome-ignore format: a table
const ENTRIES: Record<string, string> = {
  'a symbolic link': 'ln -s /etc/hostname "$1"',
  'a file': 'echo x > "$1"',
  'a symbolic link to a directory': 'mkdir ../evil; echo evil > ../evil/1; ln -s ../evil "$1"',
  'a device': 'mknod "$1" c 1 3',
  'a FIFO': 'mkfifo "$1"',
};

for (const [what, make] of Object.entries(ENTRIES)) {
  await mountTest(
    t,
    `the link index holds ${what}`,
    {
      root: true,
      prepare: ({ lower: [lower = ''] }) => void sh(`${LINKED}; echo x > d/plain`, { cwd: lower }),
    },
    async (t, m) => {
      sh('echo more >> d/one', { cwd: m.mnt });
      await m.unmount();
      // Under which of its names a file comes up is not said.
      const [other] = ['one', 'one-b'].filter((name) => whereIs(m, `d/${name}`) === 'lower');
      const [key = ''] = keys(m.upper);
      sh(`rm -r "$1"; ${make}; touch '../not a key' 1-0-b0.0`, {
        cwd: `${m.upper}/.migratefs/links`,
        args: [key],
      });
      await m.remount();
      const before = treeDigest(m.lower[0] as string);
      for (const act of [lstatSync, readFileSync, readlinkSync])
        t.equal(
          errnoOf(() => act(`${m.mnt}/d/${other}`)),
          'EIO',
        );
      t.same(treeDigest(m.lower[0] as string), before, 'the old name is left');
      t.notOk(readdirSync(`${m.upper}/d`).includes(`${other}`));
      sh('cat d/two-b d/plain; echo + >> d/two; grep + d/two-b', { cwd: m.mnt });
      t.same(readdirSync(`${m.mnt}/d`).sort(), ['one', 'one-b', 'plain', 'two', 'two-b'], 'all else works');
    },
  );
}

await mountTest(
  t,
  'folders of ours that are something else',
  {
    root: true,
    options: 'journal=off', // what it keeps changes
    prepare: ({ upper, lower }) => {
      for (const layer of [upper, ...lower]) {
        sh(
          'mkdir -m 700 .migratefs; cd .migratefs; ln -s ../d work; echo x > links; mkdir -m 777 aside; mkdir -m 700 intents',
          {
            cwd: layer,
          },
        );
      }
      sh(`${LINKED}; echo f > d/f; ln -s f d/l; mkdir -p d/deep`, { cwd: lower[0] as string });
      sh('mkdir d; echo above > d/deep; echo x > d/x', { cwd: upper });
      sh('echo hidden > d/deep/tree', { cwd: lower[0] as string });
    },
  },
  (t, m) => {
    const [lower = ''] = m.lower;
    const before = treeDigest(m.mnt);
    // Of a worker's slot and a daemon's sign of life there is nothing to know.
    const roots = () =>
      [m.upper, lower].map((layer) =>
        Object.entries(treeDigest(`${layer}/.migratefs`)).filter(([name]) => !/^(?:slots|alive)/.test(name)),
      );
    const was = roots();
    t.equal(errnoOf(() => sh('echo + >> d/one', { cwd: m.mnt })) === 'ok', false, 'what needs them fails');
    t.not(
      errnoOf(() => sh('rm d/deep', { cwd: m.mnt })),
      'ok',
    );
    t.same(treeDigest(m.mnt), before, 'and changes nothing');
    sh('echo + >> d/f; rm d/x d/l; mv d/two d/three', { cwd: m.mnt });
    t.equal(readFileSync(`${m.upper}/d/f`, 'utf8'), 'f\n+\n', 'what does not works');
    t.same(roots(), was);
  },
);
