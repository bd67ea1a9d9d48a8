// Errors of users' own writes that a new storage tells late, at fsync(2) or close(2), as network storages and quotas do: the application is
// told, whichever way its file has come to the new storage. Defect 7, its second half; the first, of copies, is in sick-upper.

import {
  closeSync,
  fdatasyncSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import t from 'tap';
import { type Mounted, mountTest, outcome, run, whereIs } from './support.ts';

/** How each file has come to the new storage, and what opens it. */
const FILES: [name: string, how: string, flags: string][] = [
  ['there', 'one that was there', 'r+'],
  ['appended', 'one that is appended to', 'a'],
  ['emptied', 'one that is emptied', 'w'],
  ['new', 'a new one', 'wx'],
  ['up', 'one that has just come up', 'r+'],
];

const ERRORS = ['EDQUOT', 'EIO'] as const;

function prepare({ upper, lower: [lower] }: { upper: string; lower: string[] }): void {
  for (const name of ['there', 'appended', 'emptied']) writeFileSync(`${upper}/${name}`, 'was\n');
  writeFileSync(`${lower}/up`, 'was\n');
}

/** What the kernel has asked the daemon for, of one operation, of any file. */
const asked = (m: Mounted, operation: string) =>
  m
    .log()
    .split('\n')
    .filter((line) => line.includes('event=request') && line.includes(` ${operation} `)).length;

const descriptors = (m: Mounted) => readdirSync(`/proc/${m.daemonPid}/fd`).length;

for (const options of ['', 'passthrough=upper', 'locks=cluster']) {
  const all = { root: true, sick: 'upper', debug: true, prepare, options } as const;
  await mountTest(t, `late errors of a new storage, ${options || 'by default'}`, all, async (t, m) => {
    for (const [name, how, flags] of FILES) {
      const path = `${m.mnt}/${name}`;
      for (const errno of ERRORS) {
        const fd = openSync(path, name === 'new' && errno !== 'EDQUOT' ? 'w' : flags);
        t.equal(writeSync(fd, `${errno}\n`), errno.length + 1, how);
        await m.sick.fail(errno, { operations: ['FSYNC'], path: `^/${name}$` });
        t.equal(
          outcome(() => fsyncSync(fd)),
          errno,
          'fsync',
        );
        t.equal(
          outcome(() => fdatasyncSync(fd)),
          errno,
          'fdatasync',
        );
        await m.sick.release();
        t.equal(
          outcome(() => fsyncSync(fd)),
          'ok',
          'well again',
        );
        await m.sick.fail(errno, { operations: ['FLUSH'], path: `^/${name}$` });
        t.equal(
          outcome(() => closeSync(fd)),
          errno,
          'close',
        );
        await m.sick.release();
      }
      t.equal(whereIs(m, name), 'upper');
      t.match(readFileSync(path, 'utf8'), /EIO\n/, 'what was written is there');
    }
    const [before, written] = [descriptors(m), asked(m, 'WRITE')];
    await m.sick.fail('EIO', { operations: ['FLUSH'], path: '^/there$' });
    for (let i = 0; i < 5; i++)
      t.equal(
        outcome(() => writeFileSync(`${m.mnt}/there`, 'x')),
        'EIO',
      );
    const passed = options === 'passthrough=upper';
    t.equal(asked(m, 'WRITE') - written, passed ? 0 : 5, 'who writes: the kernel, or the daemon');
    // As programs have it.
    t.match(
      run('bash', ['-c', 'dd if=/dev/zero of=there count=1'], { cwd: m.mnt }).stderr.toString(),
      /output error/,
    );
    t.match(run('cp', ['up', 'there'], { cwd: m.mnt }).stderr.toString(), /output error/);
    await m.sick.release();
    t.equal(
      outcome(() => writeFileSync(`${m.mnt}/there`, 'x')),
      'ok',
    );
    t.ok(descriptors(m) <= before + 2, 'a file that was closed in vain is closed');
  });
}
