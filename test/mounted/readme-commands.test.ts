// The commands of README.md's migration do what it says of them: they are taken from there, and run on a mount.

import { existsSync, lstatSync, readFileSync, writeFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { has, isRoot, type Mounted, mountTest, program, run, sh, treeDigest, whereIs } from './support.ts';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

/** The commands between two marks, for this mount's directories. */
function commands(mark: string, m: Mounted, document = readme): string {
  const from = document.indexOf(`<!-- ${mark} -->`);
  const text = document.slice(from, document.indexOf(`<!-- /${mark} -->`, from));
  const [, script] = /```sh\n(.*?)```/s.exec(text) ?? [];
  if (script === undefined) throw new Error(`no commands at ${mark}`);
  return script
    .replaceAll('/mnt/old', m.lower[0] as string)
    .replaceAll('/mnt/new', m.upper)
    .replaceAll('/mnt/*', `${m.dir}/*`)
    .replaceAll('/root/', `${m.dir}/`)
    .replaceAll('/data', m.mnt)
    .replace(/^( *)migratefs /gm, `$1${process.execPath} ${program} `);
}

/** As at a prompt: what fails does not keep the next command from running. */
const type = (script: string) => run('sh', ['-c', script]);

const TREE = `
  mkdir -p private/old 'new
line/deep' plain empty/er both
  echo one >private/file; echo two >'new
line/deep/file'; echo three >plain/file; ln plain/file plain/hard; printf '#!/bin/true' >plain/tool; chmod 6755 plain/tool
  ln -s ../nowhere private/link; ln private/link plain/linked; ln -s file private/old/link
  mkfifo plain/fifo; ln plain/fifo private/old/pipe; ln -s x 'new
line/li
nk'
  setfattr -n user.note -v lower private plain empty; setfacl -m u:1111:rwx,d:u:2222:rx empty private
  chmod 0777 private; chmod 2750 empty; chmod 1700 empty/er; chmod 640 plain/fifo
  echo low >both/file`;
const AS_ROOT = `
  mknod private/null c 1 3; chown 1:2 private/null empty/er; chown -h 3:4 private/link; chown 5:6 plain/fifo
  setfattr -n trusted.note -v t empty; setfattr -h -n trusted.note -v l private/link`;
const TIMES = `find . -depth -exec touch -h -d '2001-02-03 04:05:06.123456789 UTC' {} +`;
const NEW = `
  mkdir -p private shadow.is both; echo high >both/file; chmod 0700 private; setfacl -m u:3333:r private
  setfattr -n user.note -v upper private; ln -s shadow.is shadow; mkdir shadow.is/x
  find . -depth -exec touch -h -d '2011-12-13 14:15:16.987654321 UTC' {} +`;

async function wholeMigration(t: Test, m: Mounted): Promise<void> {
  const [lower = ''] = m.lower;
  const before = treeDigest(m.mnt, { directoryTimes: true });
  t.equal(type(commands('drain', m)).stderr.toString(), '', 'the drain has nothing to say');
  const drained = treeDigest(m.mnt, { directoryTimes: true });
  t.same(drained, before, 'what users see is the same, to the nanosecond');
  t.equal(
    sh('find . -path ./.migratefs -prune -o -type f -print | LC_ALL=C sort', { cwd: lower }),
    './both/file\n./shadow/x/hidden',
    'all files have moved but those that the new storage hides',
  );
  const settled = type(`${commands('settled', m)}sleep 1`);
  t.equal(`${settled.stdout}${settled.stderr}`, '', 'nothing lives, and nothing is half done');
  const done = type(commands('cut over', m));
  t.equal(done.stderr.toString().replace(/^migratefs: no system log here.*\n/, ''), '', 'nothing goes wrong');
  t.equal(done.stdout.toString(), 'done\n');
  t.same(treeDigest(m.upper, { directoryTimes: true }), before, 'the new storage is what users saw');
  const node = (name: string) => lstatSync(`${m.upper}/${name}`).ino;
  t.equal(node('plain/fifo'), node('private/old/pipe'), 'hard links of what is no file');
  t.notOk(
    existsSync(`${m.upper}/shadow.is/x/hidden`),
    'what was hidden is not brought to where a link leads',
  );
  t.equal(lstatSync(`${m.upper}/private`).mode & 0o707, 0o700, 'a closed directory stays closed');
}

const needs = ['rsync', 'setfattr', 'setfacl'];
const prepare = ({ upper, lower }: { upper: string; lower: string[] }) => {
  sh(`${TREE}\n${isRoot ? AS_ROOT : ''}\nmkdir -p shadow/x; echo h >shadow/x/hidden\n${TIMES}`, {
    cwd: lower[0] as string,
  });
  sh(NEW, { cwd: upper });
};

await mountTest(
  t,
  'drain and cut over: the new storage becomes what users saw',
  { needs, prepare },
  async (t, m) => {
    await wholeMigration(t, m);
    t.equal(type(commands('aside', m)).stdout.toString(), '', 'nothing was put aside');
    type(commands('end', m));
    t.same(
      sh('ls -A', { cwd: m.upper }).includes('.migratefs'),
      false,
      'and nothing of migratefs is left there',
    );
    t.match(sh('cat "$1"/migration-journal/*.ndjson', { args: [m.dir] }), /"op":"migrate"/);
  },
);

await mountTest(
  t,
  'drain: what cannot move keeps nothing else back',
  { backing: 'ext4', root: true, needs: ['chattr'] },
  async (t, m) => {
    sh('cp /bin/sleep busy; for i in 1 2 3 4; do echo $i >$i; done; chattr +i 2; chmod 400 3', {
      cwd: m.lower[0] as string,
    });
    const busy = sh('./busy 60 >/dev/null 2>&1 & echo $!', { cwd: m.mnt });
    const said = type(commands('drain', m)).stderr.toString();
    process.kill(Number(busy));
    t.match(said, /'.\/2'/);
    t.match(said, /'.\/busy': Text file busy/);
    t.same(
      ['1', '2', '3', '4', 'busy'].map((name) => whereIs(m, name)),
      ['upper', 'lower', 'upper', 'upper', 'lower'],
    );
  },
);

await mountTest(t, 'drain: what users delete meanwhile is not made again', {}, async (t, m) => {
  sh('for i in 1 2 3; do echo $i >$i; done', { cwd: m.lower[0] as string });
  // The list of files is older than the deletion.
  const script = commands('drain', m).replace(/-exec sh -c /, `-exec sh -c 'rm -f ./2; exec "$@"' sh sh -c `);
  const said = type(script).stderr.toString();
  t.match(said, /'.\/2': No such file/);
  t.same(
    ['1', '2', '3'].map((name) => whereIs(m, name)),
    ['upper', '', 'upper'],
  );
});

await mountTest(t, 'cut over: after what fails nothing is done', { needs, prepare }, async (t, m) => {
  const before = treeDigest(m.upper, { directoryTimes: true });
  const script = commands('cut over', m);
  const mount = script.split('\n')[1] as string;
  for (const [what, tried] of [
    ['a mount that is refused', script],
    ['one that users can write to', script.replace(mount, ':')],
  ] as const) {
    const { status, stdout } = type(tried);
    t.not(status, 0, what);
    t.equal(stdout.toString(), '');
    t.notOk(existsSync(`${m.dir}/times`));
  }
  t.same(treeDigest(m.upper, { directoryTimes: true }), before);
  type(`${commands('settled', m)}sleep 1`);
  const changed = script.replace('rsync -aHAXS', `touch '${m.upper}/private/part'; false`);
  t.not(changed, script);
  const { status, stdout } = type(changed);
  t.equal(status, 1, 'told');
  t.equal(stdout.toString(), '', 'not done');
  sh('r=$(stat -c %y "$1"); rm "$1/part"; touch -d "$r" "$1"', { args: [`${m.upper}/private`] });
  t.same(treeDigest(m.upper, { directoryTimes: true }), before, 'times are given back all the same');
  t.equal(type(script).stdout.toString(), 'done\n', 'again');
});

await mountTest(t, 'what lives or is half done is named', {}, async (t, m) => {
  const found = () => sh(commands('settled', m).split('\n')[1] as string).split('\n');
  t.match(found(), [/\.migratefs\/alive\/[^/]+\.\d+$/], 'the daemon');
  await m.unmount();
  sh('mkdir -p "$1/intents"; : >"$1/intents/host.1.0.1.ab"', { args: [`${m.upper}/.migratefs`] });
  t.same(found(), [`${m.upper}/.migratefs/intents/host.1.0.1.ab`]);
});

await mountTest(t, 'what was put aside is found, on either storage', {}, async (t, m) => {
  await m.unmount();
  const [lower = ''] = m.lower;
  sh('mkdir -p "$1/.migratefs/aside/tree/deep"; echo x >"$1/.migratefs/aside/tree/deep/f"', {
    args: [lower],
  });
  sh('mkdir -p "$1/.migratefs/work"; echo x >"$1/.migratefs/work/kept"; mkdir "$1/aside"; : >"$1/aside/f"', {
    args: [m.upper],
  });
  const found = type(commands('aside', m)).stdout.toString().trim().split('\n').sort();
  t.same(found, [`${lower}/.migratefs/aside/tree/deep/f`, `${m.upper}/.migratefs/work/kept`]);
});

if (!has('jq')) t.test('the journal is read', { skip: 'no jq here' }, async () => {});
else
  await mountTest(t, 'the journal is read, past lines that a crash has cut short', {}, async (t, m) => {
    const record = (result: string, path: string, source?: string) =>
      JSON.stringify({ time: 'T', op: 'migrate', result, path, size: 5, source });
    const lines = [
      record('ok', '/a', 'removed'),
      '{"time":"T","op":"mig',
      '',
      record('ENOSPC', '/b'),
      record('ok', '/c', 'kept'),
    ];
    writeFileSync(`${m.upper}/.migratefs/journal/HOST.ndjson`, lines.join('\n'));
    const read = (document?: string) => {
      const { stdout, stderr } = type(`${commands('journal', m, document)}`);
      return `${stdout}${stderr}`;
    };
    t.equal(read(), 'ENOSPC /b\n/c\n');
    const docs = readFileSync(new URL('../../docs/journal.md', import.meta.url), 'utf8');
    t.match(read(docs), /^\{\n {2}"files": 2,\n {2}"bytes": 10\n\}\nT ENOSPC \/b\n\/c\n$/);
  });

await mountTest(t, 'how much is left', {}, async (t, m) => {
  sh('head -c 5000 /dev/zero >"a\nb"; ln "a\nb" c; echo x >d; ln -s d l', { cwd: m.lower[0] as string });
  const docs = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
  const left = () => type(commands('left', m, docs)).stdout.toString();
  t.equal(left(), '2 files, 5002 bytes\n');
  sh('echo y >>d', { cwd: m.mnt });
  t.equal(left(), '1 files, 5000 bytes\n');
});
