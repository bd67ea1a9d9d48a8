// `locks=cluster`: flock and fcntl locks of processes on one host, and on two, exclude one another as they do on one file system.

import { writeFileSync } from 'node:fs';
import t from 'tap';
import { clusterTest } from './cluster.ts';

const prepare = ({ upper, lower }: { upper: string; lower: string[] }) => {
  for (const name of ['f', 'g']) writeFileSync(`${upper}/${name}`, 'in the new storage\n');
  writeFileSync(`${lower[0]}/low`, 'in the old storage\n');
};

/** How to take a lock without waiting, and to let it go. */
const KINDS = {
  flock: { sh: 'flock a sh nb', ex: 'flock a ex nb', un: 'flock a un' },
  fcntl: { sh: 'set a rd', ex: 'set a wr', un: 'set a un' },
  ofd: { sh: 'oset a rd', ex: 'oset a wr', un: 'oset a un' },
};
type Kind = keyof typeof KINDS;
const MODES = ['sh', 'ex'] as const;

/** Whether the kernel sets two kinds of locks against each other: flock stands apart. */
const related = (a: Kind, b: Kind) => (a === 'flock') === (b === 'flock');

for (const threads of [1, 8]) {
  const options = { prepare, options: `threads=${threads}` };
  const name = (text: string) => `${text}, ${threads} workers`;

  await clusterTest(t, name('every pair of locks, on one mount and on two'), options, async (t, m) => {
    for (const place of [m.mnt, m.other]) {
      const [one, two] = [await m.locker(`${m.mnt}/f`), await m.locker(`${place}/f`)];
      for (const [first, a] of Object.entries(KINDS) as [Kind, (typeof KINDS)[Kind]][]) {
        for (const [second, b] of Object.entries(KINDS) as [Kind, (typeof KINDS)[Kind]][]) {
          for (const held of MODES) {
            for (const wanted of MODES) {
              const what = `${first} ${held}, then ${second} ${wanted} on ${place === m.mnt ? 'the same' : 'the other'}`;
              t.equal(await one.ask(a[held]), 'ok', what);
              const free = !related(first, second) || (held === 'sh' && wanted === 'sh');
              t.equal(await two.ask(b[wanted]), free ? 'ok' : 'EAGAIN', what);
              t.equal(await one.ask(a.un), 'ok');
              t.equal(await two.ask(b[wanted]), 'ok', `${what}, and let go`);
              t.equal(await two.ask(b.un), 'ok');
            }
          }
        }
      }
    }
  });

  await clusterTest(t, name('ranges: joined, cut, raised and lowered'), options, async (t, m) => {
    const [one, two] = [await m.locker(`${m.mnt}/f`), await m.locker(`${m.other}/f`)];
    t.equal(await one.ask('set a wr 10 20'), 'ok');
    t.equal(await two.ask('set a wr 0 10'), 'ok', 'up to it');
    t.equal(await two.ask('set a wr 30 0'), 'ok', 'and from its end on, for ever');
    t.equal(await two.ask('set a rd 29 1'), 'EAGAIN');
    t.equal(await one.ask('set a un 15 5'), 'ok', 'cut in two');
    t.equal(await two.ask('set a wr 15 5'), 'ok');
    t.equal(await two.ask('get a wr 0 0'), `wr 10 5 0`, 'the other host does not know whose it is');
    t.equal(await one.ask('get a rd 0 10'), 'wr 0 10 0');
    t.equal(await two.ask('get a wr 15 5'), 'un', 'its own are in nobody’s way');
    t.equal(await two.ask('set a un'), 'ok');
    t.equal(await one.ask('set a rd 10 5'), 'ok', 'lowered');
    t.equal(await two.ask('set a rd 0 15'), 'ok');
    t.equal(await one.ask('set a wr 10 5'), 'EAGAIN', 'and not to be raised while another reads');
    t.equal(await one.ask('get a rd 10 5'), 'un');
    t.equal(await two.ask('set a un'), 'ok');
    t.equal(await one.ask('set a wr 10 5'), 'ok');
    t.equal(await two.ask('set a rd 9223372036854775806 1'), 'ok', 'the last byte that there may be');
    t.equal(await one.ask('set a wr 9223372036854775000 0'), 'EAGAIN');
    t.equal(await one.ask('get a wr 100 0'), 'rd 9223372036854775806 1 0');
  });

  await clusterTest(t, name('who holds it: by its number on the same host'), options, async (t, m) => {
    const [one, two] = [await m.locker(`${m.mnt}/f`), await m.locker(`${m.mnt}/f`)];
    t.equal(await one.ask('set a wr 5 5'), 'ok');
    t.equal(await two.ask('get a rd 0 0'), `wr 5 5 ${one.pid}`);
    t.equal(await two.ask('set a rd 100 1'), 'ok');
    t.equal(await one.ask('get a wr 100 1'), `rd 100 1 ${two.pid}`);
  });

  await clusterTest(t, name('flock is the open file’s'), options, async (t, m) => {
    const [one, two] = [await m.locker(`${m.mnt}/f`, 'r'), await m.locker(`${m.other}/f`, 'r')];
    t.equal(await one.ask('flock a ex nb'), 'ok', 'alone, though open for reading');
    t.equal(await one.ask(`open b r ${m.mnt}/f`), 'ok');
    t.equal(await one.ask('flock b sh nb'), 'EAGAIN', 'another open file of the same process is in the way');
    t.equal(await one.ask('dup a c'), 'ok');
    t.equal(await one.ask('close a'), 'ok');
    t.equal(await two.ask('flock a sh nb'), 'EAGAIN', 'a descriptor of it is left');
    t.equal(await one.ask('flock c sh nb'), 'ok', 'lowered through that');
    t.equal(await two.ask('flock a sh nb'), 'ok');
    t.equal(await one.ask('flock c ex nb'), 'EAGAIN');
    t.equal(await one.ask('close c'), 'ok');
    t.equal(await one.ask('close b'), 'ok');
    await two.ask('flock a ex'); // waits for the closed ones: the kernel tells of the last close afterwards
    const child = Number(await two.ask('fork'));
    t.equal(await two.ask('close a'), 'ok');
    t.equal(await one.ask(`open a r ${m.mnt}/f`), 'ok');
    t.equal(await one.ask('flock a sh nb'), 'EAGAIN', 'a child has it');
    process.kill(child, 'SIGKILL');
    t.equal(await one.ask('flock a sh'), 'ok');
  });

  await clusterTest(
    t,
    name('fcntl locks are the process’s, and go with any close'),
    options,
    async (t, m) => {
      const [one, two] = [await m.locker(`${m.mnt}/f`), await m.locker(`${m.other}/f`)];
      t.equal(await one.ask('set a wr 0 10'), 'ok');
      t.equal(await one.ask(`open b rw ${m.mnt}/f`), 'ok');
      t.equal(await one.ask('set b wr 5 10'), 'ok', 'through another open file of it');
      t.equal(await one.ask('oset b wr 5 1'), 'EAGAIN', 'an open file is another owner');
      const child = Number(await one.ask('fork'));
      t.equal(await one.ask(`open c r ${m.mnt}/f`), 'ok');
      t.equal(await two.ask('set a rd'), 'EAGAIN');
      t.equal(await one.ask('close c'), 'ok', 'one that was only open for reading');
      t.equal(await two.ask('set a wr'), 'ok', 'both are gone, whatever a child has');
      t.equal(await two.ask('set a un'), 'ok');
      t.equal(await one.ask('set a rd 3 1'), 'ok', 'and may come again');
      t.equal(await two.ask('get a wr'), 'rd 3 1 0');
      process.kill(child, 'SIGKILL');
    },
  );

  await clusterTest(t, name('OFD locks are the open file’s'), options, async (t, m) => {
    const [one, two] = [await m.locker(`${m.mnt}/f`), await m.locker(`${m.other}/f`)];
    t.equal(await one.ask('oset a wr 0 10'), 'ok');
    t.equal(await one.ask(`open b rw ${m.mnt}/f`), 'ok');
    t.equal(await one.ask('oset b wr 0 1'), 'EAGAIN');
    t.equal(await one.ask('close b'), 'ok');
    t.equal(await two.ask('oset a rd 9 1'), 'EAGAIN', 'the close of another one is nothing to it');
    t.equal(await two.ask('oget a rd 9 1'), 'wr 0 10 -1');
    const child = Number(await one.ask('fork'));
    t.equal(await one.ask('close a'), 'ok');
    t.equal(await two.ask('oset a rd 9 1'), 'EAGAIN', 'a child has it');
    process.kill(child, 'SIGKILL');
    t.equal(await two.ask('owait a rd 9 1'), 'ok');
  });

  await clusterTest(t, name('a process that ends, or is killed, leaves none'), options, async (t, m) => {
    for (const place of [m.mnt, m.other]) {
      for (const take of ['flock a ex nb', 'set a wr', 'oset a wr']) {
        const [one, two] = [await m.locker(`${m.mnt}/f`), await m.locker(`${place}/f`)];
        t.equal(await one.ask(take), 'ok');
        t.equal(await two.ask(take), 'EAGAIN');
        await one.end('SIGKILL');
        t.equal(await two.ask(take.replace('oset', 'owait').replace('set', 'wait').replace(' nb', '')), 'ok');
        await two.end('SIGTERM');
      }
    }
  });

  await clusterTest(t, name('on a file of the old storage'), options, async (t, m) => {
    const [one, two] = [await m.locker(`${m.mnt}/low`, 'r'), await m.locker(`${m.other}/low`, 'r')];
    t.equal(await one.ask('set a wr'), 'EBADF', 'as for any file that is open for reading');
    t.equal(await one.ask('set a rd'), 'ok');
    t.equal(await two.ask('set a rd'), 'ok');
    t.equal(await one.ask('flock a ex nb'), 'ok');
    t.equal(await two.ask('flock a sh nb'), 'EAGAIN');
    const native = await m.locker(`${m.lower[0]}/low`);
    t.equal(await native.ask('flock a sh nb'), 'EAGAIN', 'who uses the storage itself sees them');
    t.equal(await native.ask('set a wr'), 'EAGAIN');
    t.equal(await native.ask('set a rd'), 'ok');
  });

  await clusterTest(t, name('a host that dies holds none'), options, async (t, m) => {
    const [one, two] = [await m.locker(`${m.mnt}/f`), await m.locker(`${m.other}/f`)];
    const three = await m.locker(`${m.other}/g`);
    t.equal(await two.ask('set a wr'), 'ok');
    t.equal(await three.ask('flock a ex nb'), 'ok');
    t.equal(await one.ask('set a wr'), 'EAGAIN');
    await m.killOther();
    t.equal(await one.ask('wait a wr'), 'ok');
    t.equal(await one.ask(`open b rw ${m.mnt}/g`), 'ok');
    t.equal(await one.ask('flock b ex'), 'ok');
  });
}
