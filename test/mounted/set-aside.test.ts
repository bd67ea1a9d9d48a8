// Another host takes the old file away between the publication of its copy and the removal of the source. It may have meant the file, or
// be renaming the copy, which takes away first what the copy hides: the copy may be the only one there is, and is never unlinked.

import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { mountTest, until } from './support.ts';

await mountTest(
  t,
  'the copy is set aside',
  {
    root: true,
    needs: ['strace'],
    options: 'cache=none',
    prepare: ({ lower: [lower] }) => writeFileSync(`${lower}/x`, 'old bytes'),
  },
  async (t, m) => {
    // Each fsync waits: the one of the copy before it has its name, the one of the directory after that.
    const inject = ['-f', '-qq', '-e', 'trace=fsync', '-e', 'inject=fsync:delay_enter=1500000'];
    const strace = spawn('strace', [...inject, '-p', `${m.daemonPid}`], { stdio: 'ignore' });
    const tasks = `/proc/${m.daemonPid}/task`;
    const isTraced = (task: string) =>
      readFileSync(`${tasks}/${task}/status`, 'latin1').includes(`TracerPid:\t${strace.pid}\n`);
    await until('every thread is traced', () => readdirSync(tasks).every(isTraced));
    const writer = spawn('bash', ['-c', 'echo more >> "$1"', 'bash', `${m.mnt}/x`]);
    const ended = new Promise((done) => writer.once('exit', done));
    await until('published', () => existsSync(`${m.upper}/x`), 20_000);
    unlinkSync(`${m.lower[0]}/x`);
    t.equal(await ended, 0, 'the writer makes the file anew');
    const gone = new Promise((done) => strace.once('exit', done));
    strace.kill('SIGINT');
    await gone;
    t.equal(readFileSync(`${m.mnt}/x`, 'utf8'), 'more\n');
    const aside = `${m.upper}/.migratefs/aside`;
    t.same(
      readdirSync(aside).map((name) => readFileSync(`${aside}/${name}`, 'utf8')),
      ['old bytes'],
    );
    t.match(m.log(), /level=warn event=copy_set_aside name=x /);
  },
);
