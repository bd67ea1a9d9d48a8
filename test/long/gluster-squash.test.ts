// GlusterFS volumes that squash root (`server.root-squash`): the daemon is nobody there. What it may not do is done as the user who asks: files of
// his own are read and moved for him, and for nobody else, and what cannot be done is refused and loses nothing.

import { chmodSync, readdirSync, readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { asAdministrator } from '../mounted/backing.ts';
import { list } from '../mounted/hosts.ts';
import {
  type Described,
  describe,
  type Mounted,
  type MountTestOptions,
  mountTest,
  sh,
  shAs,
  type User,
} from '../mounted/support.ts';

const ANN: User = { uid: 4001, gid: 4001 };
const BOB: User = { uid: 4002, gid: 4002, groups: [4100] };

/** Ann's things, as they lie on the old storage, and what others share with her. */
const BUILD = `chmod 755 .
  mkdir -m 700 ann; cd ann; mkdir -m 700 deep; for f in f deep/f cut moved removed wo; do echo "ann's $f" >$f; chmod 600 $f; done
  head -c 300000 /dev/urandom >large; setfattr -n user.x -v value f large; setfacl -m u:4003:r f; chmod 200 wo; ln -s f link; mkfifo pipe
  echo linked >l1; ln l1 l2; cd ..
  mkdir -m 2770 shared; echo "ann's" >shared/anns; echo "bob's" >shared/bobs; chmod 660 shared/*
  mkdir -m 755 fixed; echo open >fixed/f; chmod 666 fixed/f
  chown -R 4001:4001 ann; chown -R 4001:4100 shared; chown 4002:4100 shared/bobs; chown 4001:4001 fixed/f
  find . -depth -exec touch -h -d '2004-04-04 04:04:04.123456789 UTC' {} +`;

/** The layers as those see them whose root is root. */
interface Seen {
  upper: string;
  lower: string;
}

interface Squashed {
  name: string;
  options: MountTestOptions;
  see: (layers: { upper: string; lower: string[] }) => Seen;
}

/** Runs bash in the mount. @returns what it says on both */
function as(m: Mounted, user: User): (act: string) => string {
  return (act) => {
    const { stdout, stderr } = shAs(user, `cd "$1"; umask 022; ${act}`, { args: [m.mnt] });
    return `${stdout}${stderr}`;
  };
}

const holds = (layer: string, dir: string): string[] =>
  list(`${layer}/${dir}`).length === 0
    ? []
    : readdirSync(`${layer}/${dir}`, { recursive: true, encoding: 'utf8' }).sort();

function unfinished(t: Test, { upper, lower }: Seen): void {
  for (const layer of [upper, lower]) {
    t.same(list(`${layer}/.migratefs/work`), []);
    t.equal(sh('find . -name ".migratefs.*"', { cwd: layer }), '', 'nothing unfinished is left');
  }
}

/** What GlusterFS keeps for itself is shown to its administrator. */
function all(path: string): Described {
  const described = describe(path);
  const { 'trusted.glusterfs.mdata': _, ...xattrs } = described.xattrs ?? {};
  return { ...described, xattrs };
}

const admin = asAdministrator;
const ARRANGEMENTS: Squashed[] = [
  {
    name: 'the old storage squashes root',
    options: { backing: 'gluster-squash', upperBacking: 'dir' },
    see: ({ upper, lower: [lower = ''] }) => ({ upper, lower: admin(lower) }),
  },
  {
    name: 'the new storage squashes root',
    options: { backing: 'dir', upperBacking: 'gluster-squash' },
    see: ({ upper, lower: [lower = ''] }) => ({ upper: admin(upper), lower }),
  },
  {
    name: 'both storages squash root',
    options: { backing: 'gluster-squash' },
    see: ({ upper, lower: [lower = ''] }) => ({ upper: admin(upper), lower: admin(lower) }),
  },
];

for (const { name, options, see } of ARRANGEMENTS) {
  const lowerSquashed = options.backing !== 'dir';
  const upperSquashed = options.upperBacking !== 'dir';
  const arranged: MountTestOptions = {
    ...options,
    root: true,
    needs: ['setfattr', 'setfacl', 'setpriv'],
    timeout: 300_000,
    prepare: (layers) => {
      const { upper, lower } = see(layers);
      sh(BUILD, { cwd: lower });
      // What lies in the root of the new storage is its administrator's to make.
      sh('chmod 755 .', { cwd: upper });
      if (upperSquashed)
        sh(
          'cp -a --attributes-only --parents ann shared fixed "$1" 2>/dev/null || true; cd "$1"; rm -rf ann/* shared/* fixed/*',
          { cwd: lower, args: [upper] },
        );
    },
  };
  await mountTest(t, name, arranged, (t, m) => {
    const seen = see(m);
    const ann = as(m, ANN);
    const bob = as(m, BOB);
    t.match(
      m.log(),
      new RegExp(`level=warn event=root_squashed layer=\\S+/${upperSquashed ? 'upper' : 'lower'} `),
      'the log says so',
    );

    // Reading.
    const before = all(`${seen.lower}/ann/f`);
    t.equal(ann('cat ann/f ann/deep/f ann/link'), "ann's f\nann's deep/f\nann's f");
    t.equal(ann('ls ann | wc -l'), '11');
    for (const act of [
      'cat ann/f',
      'ls ann',
      'stat ann/deep',
      'echo x >>ann/f',
      'rm -f ann/f',
      'mv ann ann2',
    ])
      t.match(bob(act), /Permission denied|Operation not permitted/, `bob: ${act}`);
    t.same(holds(seen.upper, 'ann'), [], 'nothing has moved');

    // What is hers comes up for her.
    t.equal(
      ann(
        'exec 3>>ann/f; exec 3>&-; echo more >>ann/deep/f; : >ann/cut; echo x >>ann/large; echo y >ann/new',
      ),
      '',
    );
    t.same(all(`${seen.upper}/ann/f`), before, 'with all that it has');
    t.equal(readFileSync(`${seen.upper}/ann/deep/f`, 'utf8'), "ann's deep/f\nmore\n");
    t.match(describe(`${seen.upper}/ann/deep`), { owner: '4001:4001', mode: '700' });
    t.match(describe(`${seen.upper}/ann/new`), { owner: '4001:4001' });
    t.equal(
      ann(
        'mv ann/moved ann/deep/moved; rm ann/removed; mv ann/deep ann/deeper; cat ann/deeper/moved ann/deeper/f',
      ),
      "ann's moved\nann's deep/f\nmore",
    );
    const blind = ann('echo wo >>ann/wo');
    if (lowerSquashed) t.match(blind, /Permission denied/, 'what nobody may read stays');
    else t.equal(blind, '', 'also what she may write but not read');
    t.same(
      holds(seen.lower, 'ann'),
      ['deeper', 'deeper/moved', 'l1', 'l2', 'link', 'pipe', ...(lowerSquashed ? ['wo'] : [])],
      'the rest leaves the old storage',
    );

    // What others share with her, each by his own means.
    const shared = bob('echo more >>shared/bobs && cat shared/bobs');
    t.equal(shared, "bob's\nmore", 'his own file, in a directory of hers');
    t.match(describe(`${seen.upper}/shared/bobs`), { owner: '4002:4100', mode: '660' });
    const others = bob('echo more >>shared/anns; cat shared/anns');
    const closed = bob('echo more >>fixed/f; cat fixed/f');
    if (upperSquashed) {
      t.match(
        others,
        /Operation not permitted|Permission denied/,
        'a copy of hers is nothing that he can make',
      );
      t.match(
        closed,
        /Operation not permitted|Permission denied/,
        'nor any in a directory that he may not write',
      );
      t.same([holds(seen.upper, 'fixed'), holds(seen.upper, 'shared')], [[], ['bobs']]);
    } else {
      t.same([others, closed], ["ann's\nmore", 'open\nmore'], 'the daemon makes copies that he cannot');
      t.match(describe(`${seen.upper}/shared/anns`), { owner: '4001:4100', mode: '660' });
      t.match(m.log(), /event=source_kept path=\/\S*f /, 'but not what he may not remove');
    }
    const linked = ann('cat ann/l2; echo more >>ann/l1; cat ann/l2');
    if (upperSquashed) t.match(linked, /^linked.*Permission denied/s, 'hard links stay');
    else t.equal(linked, 'linked\nlinked\nmore', 'hard links come up together');
    t.notMatch(m.log(), /level=error event=(?!journal_failed)/);
    unfinished(t, seen);
  });
}

await mountTest(
  t,
  'a daemon that dies while a user makes his copy',
  {
    backing: 'dir',
    upperBacking: 'gluster-squash',
    root: true,
    faults: true,
    prepare: ({ upper, lower: [lower = ''] }) => {
      for (const cwd of [lower, admin(upper)]) sh('mkdir -m 700 ann; chown 4001:4001 ann', { cwd });
      sh('echo old >f; chown 4001:4001 f', { cwd: `${lower}/ann` });
    },
  },
  async (t, m) => {
    const ann = as(m, ANN);
    const above = `${admin(m.upper)}/ann`;
    m.faults.kill('copyup.data');
    chmodSync(`${m.dir}/faults`, 0o777); // the worker comes there as she
    ann('echo more >>ann/f');
    await m.ended();
    m.faults.clear();
    await m.remount();
    t.equal(ann('cat ann/f'), 'old');
    const [left = '', ...more] = list(above);
    t.match(left, /^\.migratefs\./, 'what he had made has a name that tells what it is');
    t.same(more, []);
    t.match(describe(`${above}/${left}`), { owner: '4001:4001', mode: '600' });
    t.equal(ann(`rm "ann/${left}"; echo more >>ann/f; cat ann/f`), 'old\nmore');
    t.same(list(above), ['f']);
  },
);
