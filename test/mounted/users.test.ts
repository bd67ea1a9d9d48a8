// Several users on one mount: the answers are those of a plain file system, which is asked the same.

import { chmodSync, existsSync, readFileSync, statSync } from 'node:fs';
import t, { type Test } from 'tap';
import { type Mounted, mountTest, sh, shAs, treeDigest, type User, whereIs } from './support.ts';

const ANN: User = { uid: 4001, gid: 4001 };
const BOB: User = { uid: 4002, gid: 4002 };
const CAT: User = { uid: 4003, gid: 4003, groups: [4100, 4101] };
const USERS = { ANN, BOB, CAT };

/** Ann's things, of all kinds; made on a layer. */
const build = `
  chmod 755 .
  mkdir -m 700 private; echo secret >private/in; chmod 644 private/in
  mkdir -m 711 through; echo seen >through/in; chmod 644 through/in
  mkdir -m 744 listed; echo in >listed/in
  mkdir -m 1777 sticky; echo ann >sticky/ann; chmod 666 sticky/ann
  mkdir -m 777 open; echo ann >open/ann; chmod 600 open/ann
  mkdir -m 2775 team; echo t >team/t; chmod 664 team/t
  mkdir -m 750 teamonly; echo t >teamonly/t; chmod 640 teamonly/t
  mkdir acls; setfacl -m d:u:4002:rwx,d:g:4100:rx,d:o::- acls; setfacl -m u:4002:rwx acls
  for m in 600 640 644 660 666 400 200 000; do echo $m >f$m; chmod $m f$m; done
  echo acl >facl; chmod 600 facl; setfacl -m u:4002:rw,g:4101:r facl
  echo denied >fdeny; chmod 644 fdeny; setfacl -m u:4002:--- fdeny
  chown -R 4001:4001 -- *; chown -R 4001:4100 team teamonly f640 f660`;

const prepare = ({ lower: [a = ''] }: { lower: string[] }) => void sh(build, { cwd: a });

/** The same acts by the same users on the mount and on a copy of it: statuses, outputs and the trees that come of it. */
function compare(t: Test, m: Mounted, acts: [keyof typeof USERS, string][]): void {
  const plain = `${m.dir}/plain`;
  if (!existsSync(plain)) sh('cp -a "$1" "$2"', { args: [m.mnt, plain] });
  for (const [who, act] of acts) {
    const [seen, expected] = [m.mnt, plain].map((dir) => {
      const { status, stdout, stderr } = shAs(USERS[who], `cd "$1"; ${act}`, { args: [dir] });
      return { status, stdout, stderr: stderr.replaceAll(dir, 'DIR').replace(/line \d+/g, 'line') };
    });
    t.same(seen, expected, `${who}: ${act}`);
  }
  t.same(treeDigest(m.mnt, { times: false }), treeDigest(plain, { times: false }), 'the trees are the same');
}

const all = (acts: string[]) =>
  (Object.keys(USERS) as (keyof typeof USERS)[]).flatMap((who) =>
    acts.map((act): [typeof who, string] => [who, act]),
  );

for (const options of ['', 'cache=none', 'permissions=layer']) {
  const name = `reading and writing files and directories of another user${options && `, ${options}`}`;
  await mountTest(t, name, { root: true, needs: ['setpriv', 'setfacl'], options, prepare }, (t, m) => {
    const files = ['f600', 'f640', 'f644', 'f660', 'f666', 'f400', 'f200', 'f000', 'facl', 'fdeny'];
    compare(t, m, [
      ...all(files.map((file) => `cat ${file}`)),
      ...all(['cat private/in', 'cat through/in', 'cat listed/in', 'cat teamonly/t']),
      ...all([
        'ls private',
        'ls through',
        'ls listed',
        'ls -l listed',
        'ls teamonly',
        'stat -c %s listed/in',
      ]),
      ...all(
        files.map(
          (file) => `test -r ${file} && echo r; test -w ${file} && echo w; test -x ${file} && echo x || true`,
        ),
      ),
      ...all(files.map((file) => `echo more >>${file}`)),
    ]);
    const moved = files.filter((file) => whereIs(m, file) === 'upper');
    t.same(
      moved,
      ['f600', 'f640', 'f644', 'f660', 'f666', 'f200', 'facl', 'fdeny'],
      'what somebody may write to',
    );
  });
}

await mountTest(
  t,
  'who may not write migrates nothing',
  { root: true, needs: ['setpriv'], prepare },
  (t, m) => {
    const before = treeDigest(m.lower[0] as string);
    for (const act of [
      'echo x >>f644',
      'echo x >f600',
      ': >f640',
      'truncate -s 0 f644',
      'fallocate -l 10 f644',
      'exec 3<>f644',
      'echo x >>private/in',
      'chmod 777 f644',
      'chown 4002 f644',
      'touch -d 2020-01-01 f644',
      'setfattr -n user.a -v b f644',
      'mv f644 open/',
      'rm -f f644',
      'ln -s x private/x',
      'mkdir teamonly/x',
      'mv f644 f640',
      'rm -f sticky/ann',
      'mv sticky/ann sticky/bob',
      'rmdir sticky',
    ]) {
      t.not(shAs(BOB, `cd "$1"; ${act}`, { args: [m.mnt] }).status, 0, act);
    }
    t.same(treeDigest(m.lower[0] as string), before, 'the old storage is as it was');
    t.same(Object.keys(treeDigest(m.upper)), ['.'], 'the new one has nothing');
  },
);

await mountTest(
  t,
  'making and removing in directories of others',
  { root: true, needs: ['setpriv', 'setfacl'], prepare },
  (t, m) => {
    compare(t, m, [
      ...all([
        'echo mine >open/$UID',
        'mkdir -p open/d$UID/e',
        'mv open/$UID open/d$UID/',
        'ln open/ann open/l$UID',
      ]),
      ...all([
        'rm -f sticky/ann; test -e sticky/ann && echo there',
        'echo $UID >sticky/$UID',
        'mv sticky/4001 sticky/taken',
      ]),
      ...all([
        'echo more >>sticky/ann',
        'chmod 640 open/d$UID/$UID',
        'chmod 600 f666',
        'chown $UID:$UID f600',
      ]),
      ['CAT', 'umask 002; echo c >team/cat; mkdir team/sub; echo d >team/sub/deep; ln -s x team/link'],
      ['BOB', 'echo b >team/bob'],
      ['CAT', 'chgrp 4101 team/cat; chgrp 4001 team/cat'],
      ['CAT', 'chmod g+s team/cat; stat -c %a team/cat'],
      [
        'BOB',
        'umask 077; echo b >acls/bob; mkdir acls/sub; echo deep >acls/sub/deep; getfacl -cpn acls/bob acls/sub acls/sub/deep',
      ],
      ['CAT', 'cat acls/bob'],
      ['CAT', 'echo no >acls/cat'],
      ['ANN', 'cat acls/bob; setfacl -m u:4003:r facl; getfacl -cpn facl'],
      ['CAT', 'cat facl'],
      ['ANN', 'rm -f open/ann sticky/ann; rm -rf private team/t; mv f600 open/; mv open/f600 through/'],
      ...all([
        'umask 000; echo a >open/u0$UID; umask 027; echo a >open/u1$UID; mkdir open/u2$UID; umask 777; : >open/u3$UID',
      ]),
      ...all(['umask 022; mkdir -m 2770 open/s$UID; mknod open/p$UID p; touch -d @5 f666; touch f666']),
    ]);
  },
);

await mountTest(
  t,
  'setuid goes when another writes; a setuid program runs as its owner',
  {
    root: true,
    needs: ['setpriv'],
    prepare: ({ lower: [a = ''] }) =>
      void sh(
        'chmod 755 .; cp /usr/bin/id id; chown 4001:4100 id; chmod 6755 id; echo x >s; chmod 6777 s; chown 4001 s',
        { cwd: a },
      ),
  },
  (t, m) => {
    t.match(shAs(BOB, '"$1"/id', { args: [m.mnt] }).stdout, /euid=4001.*egid=4100/);
    t.equal(shAs(BOB, 'cd "$1"; echo more >>s; stat -c %a s', { args: [m.mnt] }).stdout, '777');
    t.equal(whereIs(m, 's'), 'upper');
    chmodSync(`${m.mnt}/s`, 0o4755);
    t.equal(statSync(`${m.upper}/s`).mode & 0o7777, 0o4755);
  },
);

await mountTest(
  t,
  'a parent that comes up has the owner and the mode of the old one, not of who writes',
  { root: true, needs: ['setpriv', 'setfacl'], prepare },
  (t, m) => {
    const before = treeDigest(m.lower[0] as string);
    t.equal(shAs(CAT, 'cd "$1"; echo more >>team/t', { args: [m.mnt] }).status, 0);
    t.equal(shAs(BOB, 'cd "$1"; echo b >acls/new', { args: [m.mnt] }).status, 0);
    const after = treeDigest(m.upper);
    t.same(after.team, before.team);
    t.same(after.acls, before.acls);
    t.match(after['team/t'], { owner: '4001:4100', mode: '664' });
    t.match(after['acls/new'], { owner: '4002:4002' });
  },
);

await mountTest(
  t,
  'in a sticky directory a file of one’s own takes no other’s away that it hides',
  {
    root: true,
    options: 'cache=none',
    needs: ['setpriv'],
    prepare: ({ upper, lower: [lower] }) => {
      for (const layer of [upper, lower]) sh('chmod 755 .; mkdir S; chmod 1777 S', { cwd: layer as string });
      sh(`echo old >S/f; chown ${ANN.uid} S/f`, { cwd: lower as string });
      const natively = shAs(BOB, 'cd "$1/S"; echo mine >f; echo mine >x', { args: [upper] });
      if (natively.status !== 0) throw new Error(natively.stderr);
    },
  },
  (t, m) => {
    // Who puts one of his own over another of his own takes nothing away: what was hidden stays hidden.
    for (const act of ['rm f', 'mv f g', 'mv x f']) {
      const { stderr } = shAs(BOB, `cd "$1/S"; ${act}`, { args: [m.mnt] });
      t.match(stderr, act === 'mv x f' ? /^$/ : /Operation not permitted/, act);
      t.equal(readFileSync(`${m.lower[0]}/S/f`, 'utf8'), 'old\n', 'another’s file stays');
      t.equal(readFileSync(`${m.mnt}/S/f`, 'utf8'), 'mine\n', 'and so does what hides it');
    }
    sh('rm S/f', { cwd: m.mnt });
    t.equal(whereIs(m, 'S/f'), '', 'root may');
  },
);
