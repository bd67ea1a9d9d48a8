// `locks=cluster`: what happens to a file and its locks in the very moment in which its copy is published, here or by another host. A
// process that works on a layer itself stands for a third host.

import {
  closeSync,
  existsSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import t from 'tap';
import { clusterTest } from './cluster.ts';
import { mountAgain } from './second.ts';
import { until, whereIs } from './support.ts';
import { traced } from './traced.ts';

const prepare = ({ lower: [lower] }: { lower: string[] }) => {
  writeFileSync(`${lower}/one`, 'old\n');
  for (const name of ['a', 'b', 'c', 'd', 'e']) {
    writeFileSync(`${lower}/${name}1`, 'old\n');
    for (const n of [2, 3]) linkSync(`${lower}/${name}1`, `${lower}/${name}${n}`);
  }
};
const options = { prepare, options: 'cache=none', needs: ['strace'] };

await clusterTest(t, 'what is written under a lock when the copy is ready', options, async (t, m) => {
  const holder = await m.locker(`${m.lower[0]}/one`);
  const writer = await m.locker();
  const calls = 'ioctl,fsync,fcntl';
  const trace = await traced(m.here.daemonPid, m.dir, calls, 'fsync:delay_enter=1500000:when=1');
  writer.start(`open a rw ${m.mnt}/one`);
  await until('it is copied', () => trace.lines().includes('FICLONE'));
  t.equal(await holder.ask('oset a wr'), 'ok');
  await until('the copy waits for the lock', () => / = -1 EAGAIN/.test(trace.lines()));
  t.equal(await holder.ask('write a new'), 'ok');
  t.equal(await holder.ask('oset a un'), 'ok');
  t.equal(await writer.answer(), 'ok');
  await trace.end();
  t.equal(whereIs(m, 'one'), 'upper');
  t.equal(readFileSync(`${m.mnt}/one`, 'utf8'), 'old\nnew');
  t.equal(await writer.ask('oset a wr'), 'ok');
});

await clusterTest(t, 'nobody waits while the links of a copy are made', options, async (t, m) => {
  const [reader, other] = [await m.locker(`${m.mnt}/a1`, 'r'), await m.locker(`${m.mnt}/b1`, 'r')];
  const writer = await m.locker();
  const ours = `${m.upper}/.migratefs`;
  const work = `${ours}/work`;
  const making = () => existsSync(work) && readdirSync(work).some((name) => name.endsWith('.links'));
  const trace = await traced(m.here.daemonPid, m.dir, 'linkat', 'linkat:delay_enter=700000');
  writer.start(`open a rw ${m.mnt}/a1`);
  await until('links are made', making);
  t.equal(await reader.ask('flock a ex nb'), 'ok');
  t.equal(await reader.ask('set a rd 0 2'), 'ok');
  t.equal(whereIs(m, 'a1'), 'lower', 'locked before the copy is published');
  t.equal(await writer.answer(), 'ok');
  t.equal(whereIs(m, 'a1'), 'upper');
  const away = await m.locker(`${m.upper}/a1`);
  t.equal(await away.ask('flock a sh nb'), 'EAGAIN', 'and the locks come along');
  t.equal(await away.ask('oset a wr 0 1'), 'EAGAIN');

  t.equal(await other.ask('flock a ex nb'), 'ok');
  writer.start(`open b rw ${m.mnt}/b1`);
  await until('links are made', making);
  const holder = await m.locker(`${m.lower[0]}/b1`);
  t.equal(await holder.ask('oset a wr'), 'ok');
  writer.signal('SIGUSR1');
  t.equal(await writer.answer(), 'EINTR');
  await trace.end();
  t.equal(whereIs(m, 'b1'), 'lower');
  t.same(readdirSync(work), [], 'what was made is taken away');
  t.equal(readdirSync(`${ours}/links`).length, 1, 'and no copy is to be found');
  t.equal(await holder.ask('flock a sh nb'), 'EAGAIN', 'while the locks are where they were');
});

await clusterTest(t, 'a handle that has followed to the copy', options, async (t, m) => {
  const reader = await m.locker(`${m.mnt}/c1`, 'r');
  await m.locker(`${m.other}/c1`);
  // The first name has a node of its own by now; the second takes the reader along.
  for (const name of ['c1', 'c2']) statSync(`${m.mnt}/${name}`);
  t.equal(await reader.ask('flock a ex nb'), 'ok');
  t.equal(await reader.ask('set a rd 0 2'), 'ok');
  const away = await m.locker(`${m.upper}/c1`);
  t.equal(await away.ask('flock a sh nb'), 'EAGAIN', 'is locked there');
  statSync(`${m.mnt}/c3`);
  t.equal(await away.ask('flock a sh nb'), 'EAGAIN', 'and keeps its locks when a further name comes up');
  t.equal(await away.ask('oset a wr 0 2'), 'EAGAIN');
});

await clusterTest(t, 'a lock that is taken while handles follow', options, async (t, m) => {
  const reader = await m.locker(`${m.mnt}/d1`, 'r');
  await m.locker(`${m.other}/d1`);
  const { ino } = statSync(`${m.lower[0]}/d2`);
  const trace = await traced(m.here.daemonPid, m.dir, 'flock', 'flock:delay_exit=1500000');
  reader.start('flock a ex nb');
  const held = new RegExp(`FLOCK .*:${ino} 0 EOF`);
  await until('the old file is locked', () => held.test(readFileSync('/proc/locks', 'latin1')));
  statSync(`${m.mnt}/d2`);
  t.equal(await reader.answer(), 'ESTALE', 'is refused: it was one of the old file');
  await trace.end();
  t.equal(await reader.ask('flock a ex nb'), 'ok');
  const away = await m.locker(`${m.upper}/d1`);
  t.equal(await away.ask('flock a sh nb'), 'EAGAIN', 'the next one is of the copy');
});

await clusterTest(t, 'locks that were not seen by who made the copy', options, async (t, m) => {
  const second = await mountAgain(t, m.here, 'locks=local,cache=none');
  const [reader, loser] = [await m.locker(`${m.mnt}/e1`, 'r'), await m.locker(`${m.mnt}/e1`, 'r')];
  for (const act of ['flock a ex nb', 'set a rd 0 2']) t.equal(await reader.ask(act), 'ok');
  t.equal(await loser.ask('set a rd 10 2'), 'ok');
  closeSync(openSync(`${second}/e1`, 'r+'));
  t.equal(whereIs(m, 'e1'), 'upper');
  const away = await m.locker(`${m.upper}/e1`);
  t.equal(await away.ask('oset a wr 10 2'), 'ok');
  statSync(`${m.mnt}/e2`);
  t.equal(await away.ask('flock a sh nb'), 'EAGAIN', 'are taken on it');
  t.equal(await away.ask('oset a wr 0 2'), 'EAGAIN');
  t.match(m.here.log(), /level=error event=lock_lost .*error=EAGAIN/, 'or reported');
});
