// Defect 27: unknown options, `ro` and `-h` among them, were silently dropped, and the log was lost in the background.

import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import t from 'tap';
import { mountAt } from '../../src/sys/mountinfo.ts';
import { errnoOf, pathsIn } from './defects-support.ts';
import { daemonOf, isAlive, mountTest, program, run, sh, treeDigest, until } from './support.ts';

/** Asks for a mount beside the one of the test. */
function ask(words: string[]): { status: number | null; out: string; err: string } {
  const done = run(process.execPath, [program, ...words], { timeout: 30_000 });
  return { status: done.status, out: done.stdout.toString(), err: done.stderr.toString() };
}

await mountTest(
  t,
  '27: what is not understood is refused, and nothing is mounted',
  { root: true },
  (t, m) => {
    const dirs = ['l', 'u', 'm'].map((name) => `${m.dir}/${name}`) as [string, string, string];
    for (const dir of dirs) mkdirSync(dir);
    const [lower, upper, mnt] = dirs;
    const layers = `lowerdir=${lower},upperdir=${upper}`;
    const wrong: Record<string, string[]> = {
      'an unknown option': ['-o', `${layers},frobnicate`, mnt],
      'an unknown option with a value': ['-o', `${layers},frobnicate=1`, mnt],
      'an unknown option before': ['-o', `frobnicate,${layers}`, mnt],
      'in a second -o': ['-o', layers, '-o', 'frobnicate', mnt],
      'in the foreground': ['-f', '-o', `${layers},frobnicate`, mnt],
      'a flag': ['--frobnicate', '-o', layers, mnt],
      'a short flag': ['-Z', '-o', layers, mnt],
      'a value that there is none of': ['-o', `${layers},cache=frobnicate`, mnt],
      contradictions: ['-o', `${layers},ro,rw`, mnt],
      'an option of another program': ['-o', `${layers},workdir=/tmp`, mnt],
      'no layers': [mnt],
      'no mount point': ['-o', layers],
    };
    for (const [name, words] of Object.entries(wrong)) {
      const { status, out, err } = ask(words);
      t.equal(status, 2, `${name}: status 2`);
      t.match(err, /^migratefs: [^\n]+\n$/, `one line: ${err.trim()}`);
      if (words.join().includes('frobnicate')) t.match(err, /frobnicate/, 'that names it');
      t.equal(out, '');
      t.equal(mountAt(mnt), undefined, 'nothing is mounted');
    }
    for (const flag of ['-h', '--help']) {
      for (const words of flag === '-h' ? [[flag], ['-o', layers, mnt, flag]] : [[flag, '-o', layers, mnt]]) {
        const { status, out, err } = ask(words);
        t.equal(status, 0, words.join(' '));
        t.match(out, /Usage: migratefs[\s\S]*lowerdir[\s\S]*upperdir[\s\S]*\bro\b/);
        t.equal(err, '');
        t.equal(mountAt(mnt), undefined);
      }
    }
  },
);

await mountTest(
  t,
  '27: ro is honoured',
  {
    root: true,
    options: 'ro',
    prepare: ({ lower: [lower], upper }) => {
      for (const [layer, age] of [
        [lower, 'old'],
        [upper, 'new'],
      ]) {
        mkdirSync(`${layer}/${age}dir`);
        mkdirSync(`${layer}/dir`);
        writeFileSync(`${layer}/${age}`, age as string);
      }
    },
  },
  (t, m) => {
    t.match(sh(`findmnt -no OPTIONS "$1"`, { args: [m.mnt] }), /(?:^|,)ro(?:,|$)/);
    const before = [treeDigest(m.lower[0] as string), treeDigest(m.upper)];
    const acts: Record<string, () => void> = {};
    for (const age of ['old', 'new']) {
      acts[`append ${age}`] = () => appendFileSync(`${m.mnt}/${age}`, '+');
      acts[`truncate ${age}`] = () => writeFileSync(`${m.mnt}/${age}`, '');
      acts[`unlink ${age}`] = () => unlinkSync(`${m.mnt}/${age}`);
      acts[`rename ${age}`] = () => renameSync(`${m.mnt}/${age}`, `${m.mnt}/other`);
      acts[`create in ${age}dir`] = () => writeFileSync(`${m.mnt}/${age}dir/f`, '');
    }
    acts.mkdir = () => mkdirSync(`${m.mnt}/dir/sub`);
    for (const [name, act] of Object.entries(acts)) t.equal(errnoOf(act), 'EROFS', name);
    for (const command of ['chmod 600', 'chown 5', 'touch -h -d 2001-01-01', 'rm -rf', 'ln -sf x']) {
      t.not(run('bash', ['-c', `${command} "$1"`, 'bash', `${m.mnt}/old`]).status, 0, command);
    }
    t.equal(readFileSync(`${m.mnt}/old`, 'utf8') + readFileSync(`${m.mnt}/new`, 'utf8'), 'oldnew');
    t.same([treeDigest(m.lower[0] as string), treeDigest(m.upper)], before, 'nothing has changed');
    t.notOk(existsSync(`${m.upper}/.migratefs`), 'not even a directory of ours');
  },
);

await mountTest(t, '27: the log is kept in the background', { root: true }, async (t, m) => {
  await m.unmount();
  const log = `${m.dir}/kept.log`;
  const words = `lowerdir=${m.lower[0]},upperdir=${m.upper}`;
  for (const [round, args] of [
    ['-o', `${words},log-file=${log}`],
    ['--log-file', log, '-o', words],
  ].entries()) {
    writeFileSync(`${m.lower[0]}/f${round}`, 'old');
    const done = run(process.execPath, [program, ...args, m.mnt]);
    t.equal(done.status, 0, done.stderr.toString());
    appendFileSync(`${m.mnt}/f${round}`, '+');
    await until(
      'logged',
      () => existsSync(log) && readFileSync(log, 'utf8').includes(`path=/f${round} `),
      5000,
    );
    // And after the log has been turned over.
    renameSync(log, `${log}.1`);
    const daemon = daemonOf(m.upper);
    process.kill(daemon, 'SIGUSR2');
    await until('opened anew', () => existsSync(log), 5000);
    writeFileSync(`${m.lower[0]}/g${round}`, 'old');
    appendFileSync(`${m.mnt}/g${round}`, '+');
    await until('logged anew', () => readFileSync(log, 'utf8').includes(`path=/g${round} `), 5000);
    t.equal(run(process.execPath, [program, 'umount', m.mnt]).status, 0);
    await until('the daemon has gone', () => !isAlive(daemon));
  }
  t.same(pathsIn(m.lower[0] as string), []);
});
