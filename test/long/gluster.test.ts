// Old and new storage on GlusterFS volumes, which each host mounts itself. They have neither O_TMPFILE nor flags of renameat2(2), so every
// copy is published by a link, and every directory that must not replace another one by two steps. What else hosts do at the same moment is in
// mounted/hosts-*.test.ts, which hosts-gluster runs on such volumes.

import {
  appendFileSync,
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import t from 'tap';
import { AT_FDCWD, O_RDWR, O_TMPFILE, RENAME_EXCHANGE, RENAME_NOREPLACE } from '../../src/sys/constants.ts';
import { cstring } from '../../src/sys/cstring.ts';
import { openat } from '../../src/sys/fd.ts';
import { renameat2 } from '../../src/sys/path.ts';
import { unmountPath } from '../mounted/backing.ts';
import { Volume } from '../mounted/gluster.ts';
import { hostsTest, list } from '../mounted/hosts.ts';
import { describe, mountTest, program, run, sh, treeDigest, whereIs } from '../mounted/support.ts';

const EOPNOTSUPP = 95;
const EINVAL = 22;
const EEXIST = 17;

await mountTest(t, 'what GlusterFS lacks', { root: true, backing: 'gluster' }, (t, m) => {
  const at = (name: string) => cstring(`${m.upper}/${name}`);
  for (const name of ['a', 'b']) writeFileSync(`${m.upper}/${name}`, '');
  t.equal(openat(AT_FDCWD, cstring(m.upper), O_TMPFILE | O_RDWR, 0o600), -EOPNOTSUPP);
  t.equal(renameat2(AT_FDCWD, at('a'), AT_FDCWD, at('new'), RENAME_NOREPLACE), -EINVAL);
  t.equal(renameat2(AT_FDCWD, at('a'), AT_FDCWD, at('b'), RENAME_EXCHANGE), -EINVAL);
});

/** A file with all that a file can have there, a directory with attributes of its own, and what is no file. */
const MAKE = `umask 022; mkdir -p d/e; head -c 300000 /dev/urandom >d/e/f; truncate -s 3M d/e/f; printf end >>d/e/f
  setfattr -n user.x -v value d/e/f; setfattr -n trusted.y -v value d/e; setfacl -m u:1234:rw d/e/f; chown 42:43 d/e/f d/e; chmod 2750 d/e
  ln -s f d/e/link; mkfifo d/e/pipe; echo read >d/read; echo cut >d/cut; echo moved >d/moved; echo dead >d/dead
  find d -depth -exec touch -h -d '2004-04-04 04:04:04.123456789 UTC' {} +`;

await mountTest(
  t,
  'what is written to moves, with all that it has',
  {
    root: true,
    backing: 'gluster',
    needs: ['setfattr', 'setfacl'],
    prepare: ({ lower: [lower = ''] }) => void sh(MAKE, { cwd: lower }),
  },
  (t, m) => {
    const [lower = ''] = m.lower;
    const before = treeDigest(lower);
    t.same(treeDigest(m.mnt), before, 'reading shows what is there');
    t.equal(whereIs(m, 'd'), 'lower', 'and moves nothing');
    const blocks = statSync(`${lower}/d/e/f`).blocks;
    sh(
      'exec 3>>d/e/f; exec 3>&-; : >>d/moved; echo new >d/e/new; : >d/cut; mv d/dead d/e/alive; rm d/moved',
      { cwd: m.mnt },
    );
    t.equal(whereIs(m, 'd/e/f'), 'upper');
    t.same(describe(`${m.upper}/d/e/f`), before['d/e/f'], 'content, owner, mode, ACL, attributes, times');
    t.ok(statSync(`${m.upper}/d/e/f`).blocks <= blocks + 64, 'and holes');
    const { links: _, ...directory } = before['d/e'] ?? {};
    t.match({ ...describe(`${m.upper}/d/e`) }, { ...directory, mtime: undefined }, 'its directory');
    t.same([whereIs(m, 'd/cut'), whereIs(m, 'd/e/alive'), whereIs(m, 'd/moved')], ['upper', 'lower', '']);
    t.equal(readFileSync(`${m.mnt}/d/e/alive`, 'latin1'), 'dead\n');
    const at = (name: string) => cstring(`${m.mnt}/d/${name}`);
    const rename = (from: string, to: string, flags: number) =>
      renameat2(AT_FDCWD, at(from), AT_FDCWD, at(to), flags);
    for (const name of ['cut', 'read', 'e']) {
      t.equal(rename(name, `${name}2`, RENAME_NOREPLACE), 0);
      t.equal(rename(`${name}2`, name, RENAME_NOREPLACE), 0);
    }
    t.equal(rename('cut', 'read', RENAME_NOREPLACE), -EEXIST);
    t.equal(rename('cut', 'read', RENAME_EXCHANGE), -EINVAL);
    sh('rm -r d', { cwd: m.mnt });
    for (const layer of [m.upper, lower]) {
      t.same(
        readdirSync(layer).filter((name) => name !== '.migratefs'),
        [],
        'all of it is gone',
      );
      t.same(list(`${layer}/.migratefs/work`), []);
    }
    t.notMatch(m.log(), /level=(?:warn|error)/);
  },
);

const FILES = 60;

await hostsTest(
  t,
  'hosts that append to the same old files at the same time',
  {
    root: true,
    backing: 'gluster',
    timeout: 300_000,
    prepare: ({ lower: [lower] }) => {
      for (let i = 0; i < FILES; i++) {
        mkdirSync(`${lower}/d${i % 6}`, { recursive: true });
        writeFileSync(`${lower}/d${i % 6}/${i}`, `old ${i}\n`.repeat(1000));
      }
    },
  },
  async (t, m) => {
    const append = (who: string) =>
      `for round in 1 2 3; do for f in d*/*; do echo "${who} $round" >>$f; done; done; for i in {1..20}; do echo $i >>d0/${who}.$i; done`;
    const hosts = [m.a, m.b];
    t.same(await Promise.all(['a1', 'b1', 'a2', 'b2'].map((who, i) => hosts[i % 2]?.run(append(who)))), [
      'ok',
      'ok',
      'ok',
      'ok',
    ]);
    const records = ['a1', 'a2', 'b1', 'b2'].flatMap((who) =>
      ['1', '2', '3'].map((round) => `${who} ${round}`),
    );
    for (let i = 0; i < FILES; i++) {
      const name = `d${i % 6}/${i}`;
      t.equal(whereIs(m, name), 'upper');
      const lines = readFileSync(`${m.mnt}/${name}`, 'latin1').trimEnd().split('\n');
      t.same(lines.slice(0, 1000), Array(1000).fill(`old ${i}`));
      t.same(lines.slice(1000).sort(), records, `${name}: every record, once`);
    }
    t.equal(readdirSync(`${m.b.mnt}/d0`).length, FILES / 6 + 80);
    t.same(list(`${m.upper}/.migratefs/aside`), []);
    t.notMatch(m.log(), /level=(?:warn|error)/);
  },
);

await hostsTest(
  t,
  'a directory that two hosts make on the new storage at once',
  {
    root: true,
    backing: 'gluster',
    prepare: ({ lower: [lower] }) => {
      for (const dir of ['d', 'e']) {
        mkdirSync(`${lower}/${dir}`);
        writeFileSync(`${lower}/${dir}/old`, 'old\n');
        chmodSync(`${lower}/${dir}`, 0o2775);
        chownSync(`${lower}/${dir}`, 42, 43);
      }
    },
  },
  async (t, m) => {
    let free = m.a.faults.pause('directory.free');
    let first = m.a.run('echo a >d/a');
    let there = await free();
    t.equal(await m.b.run('echo b >d/b'), 'ok');
    there.go();
    t.equal(await first, 'ok', 'the other one has made it, and something in it');
    t.same(readdirSync(`${m.mnt}/d`).sort(), ['a', 'b', 'old']);

    free = m.a.faults.pause('directory.free');
    first = m.a.run('echo a >e/a');
    there = await free();
    t.equal(await m.b.run('mkdir e/sub; rmdir e/sub'), 'ok');
    there.go();
    t.equal(await first, 'ok', 'the other one has made it, and it is empty');
    t.equal(await m.b.run('echo b >e/b'), 'ok', 'he finds the one that has replaced it');
    t.same(readdirSync(`${m.mnt}/e`).sort(), ['a', 'b', 'old']);
    for (const dir of ['d', 'e']) {
      const { mode, uid, gid } = statSync(`${m.upper}/${dir}`);
      t.same([mode & 0o7777, uid, gid], [0o2775, 42, 43]);
      t.equal(await m.b.run(`cat ${dir}/a ${dir}/b ${dir}/old`), 'ok');
    }
  },
);

await mountTest(
  t,
  'a directory that was being renamed in two volumes when the daemon died',
  {
    root: true,
    backing: 'gluster',
    faults: true,
    prepare: ({ upper, lower: [lower] }) => {
      for (const [i, layer] of [upper, lower].entries()) {
        mkdirSync(`${layer}/d`);
        mkdirSync(`${layer}/empty`);
        writeFileSync(`${layer}/d/${i}`, '');
      }
    },
  },
  async (t, m) => {
    const all = readdirSync(`${m.mnt}/d`).sort();
    for (const target of ['new', 'empty']) {
      m.faults.kill('renamedir.moved-1');
      t.throws(() => sh(`mv -T d ${target}`, { cwd: m.mnt }));
      await m.ended();
      m.faults.clear();
      await m.remount();
      t.same(readdirSync(`${m.mnt}/d`).sort(), all, 'it has its old name');
      t.same(readdirSync(m.mnt).sort(), ['d', 'empty']);
      for (const layer of [m.upper, ...m.lower]) {
        t.same(list(`${layer}/.migratefs/work`), []);
        for (const folder of ['intents', 'slots']) {
          t.same(list(`${layer}/.migratefs/${folder}`), []);
        }
      }
    }
  },
);

await mountTest(
  t,
  'a new storage of several bricks is for one host alone',
  { root: true, needs: ['glusterfsd', 'setfattr'] },
  (t, m) => {
    const [several, bricks, mnt] = [`${m.dir}/several`, `${m.dir}/bricks`, `${m.dir}/merged`];
    for (const dir of [several, bricks, mnt]) mkdirSync(dir);
    const volume = new Volume(`${m.dir}/volume`, bricks, `${m.dir}/pids`, { names: ['one', 'two', 'three'] });
    appendFileSync(`${m.dir}/mounts`, `${several}\n${mnt}\n`);
    volume.mount(several);
    const mount = (options: string) => {
      const words = `lowerdir=${m.lower[0]},upperdir=${several},log-file=${m.dir}/log,${options}`;
      return run(process.execPath, [program, '-o', words, mnt]);
    };
    for (const cache of ['none', 'shared']) {
      const { status, stderr } = mount(`cache=${cache}`);
      t.equal(status, 1);
      t.match(stderr.toString(), /upperdir ".*" is a GlusterFS volume that distributes files over 3 bricks/);
    }
    t.same(list(several), [], 'nothing was made there');
    for (const alone of ['ro', 'cache=exclusive']) {
      const { status, stderr } = mount(alone);
      t.equal(status, 0, `${alone}: ${stderr.toString()}`);
      t.equal(unmountPath(mnt), undefined);
    }
    t.equal(unmountPath(several), undefined);
    volume.end();
  },
);
