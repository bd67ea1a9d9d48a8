// `locks=cluster`: who waits for a lock holds no worker, is woken by whoever lets it go, and can be interrupted.

import { readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { clusterTest, type Locker } from './cluster.ts';
import { until } from './support.ts';
import { must } from './tools.ts';

const prepare = ({ upper }: { upper: string }) => {
  for (const name of ['f', 'g']) writeFileSync(`${upper}/${name}`, 'content\n');
};

/** How each kind of lock is taken at once, waited for and let go. */
const KINDS = [
  { now: 'flock a ex nb', wait: 'flock a ex', free: 'flock a un' },
  { now: 'set a wr 7 3', wait: 'wait a wr 0 0', free: 'set a un' },
  { now: 'oset a wr 7 3', wait: 'owait a wr 9 1', free: 'oset a un' },
];

for (const threads of [1, 8]) {
  const options = { prepare, options: `threads=${threads}` };
  const name = (text: string) => `${text}, ${threads} workers`;

  await clusterTest(t, name('woken by the same mount and by the other'), options, async (t, m) => {
    for (const place of [m.mnt, m.other]) {
      for (const { now, wait, free } of KINDS) {
        const [one, two] = [await m.locker(`${m.mnt}/f`), await m.locker(`${place}/f`)];
        t.equal(await one.ask(now), 'ok');
        await two.blocked(wait);
        t.equal(await one.ask(free), 'ok');
        t.equal(await two.answer(), 'ok', `${wait} on ${place === m.mnt ? 'the same' : 'the other'}`);
        await one.blocked(wait);
        t.equal(await two.ask('close a'), 'ok');
        t.equal(await one.answer(), 'ok', 'woken by a close');
        t.equal(await two.ask(`open a rw ${place}/f`), 'ok');
        await two.blocked(wait);
        await one.end('SIGKILL');
        t.equal(await two.answer(), 'ok', 'and by an end');
        await two.end();
      }
    }
  });

  await clusterTest(t, name('a signal ends it with EINTR'), options, async (t, m) => {
    for (const place of [m.mnt, m.other]) {
      for (const { now, wait, free } of KINDS) {
        const [one, two] = [await m.locker(`${m.mnt}/f`), await m.locker(`${place}/f`)];
        t.equal(await one.ask(now), 'ok');
        await two.blocked(wait);
        two.signal('SIGUSR1');
        t.equal(await two.answer(), 'EINTR', wait);
        await two.blocked(wait);
        await two.end('SIGKILL');
        t.equal(await one.ask(free), 'ok');
        const three = await m.locker(`${place}/f`);
        t.equal(await three.ask(now), 'ok', 'who was killed while he waited has not got it');
        for (const locker of [one, three]) await locker.end();
      }
    }
  });

  await clusterTest(
    t,
    name('many more wait than there are workers, and others are served'),
    options,
    async (t, m) => {
      const holder = await m.locker(`${m.other}/f`);
      t.equal(await holder.ask('set a wr'), 'ok');
      t.equal(await holder.ask('flock a ex nb'), 'ok');
      const waiters: Locker[] = [];
      for (let i = 0; i < 24; i++) waiters.push(await m.locker(`${m.mnt}/f`));
      for (const [i, waiter] of waiters.entries()) await waiter.blocked(i % 2 ? 'wait a wr' : 'flock a ex');
      writeFileSync(`${m.mnt}/new`, 'written while they wait\n');
      t.equal(readFileSync(`${m.mnt}/new`, 'utf8'), 'written while they wait\n');
      const quick = await m.locker(`${m.mnt}/g`);
      t.equal(await quick.ask('set a wr'), 'ok', 'a lock of another file');
      t.equal(await quick.ask('set a un'), 'ok');
      t.ok(waiters.every((waiter) => waiter.waits));
      t.equal(await holder.ask('close a'), 'ok');
      // Each has it for itself until it is gone.
      const left = new Set(waiters);
      const order = waiters.map(async (waiter) => {
        t.equal(await waiter.answer(), 'ok');
        left.delete(waiter);
        await waiter.end();
      });
      await Promise.all(order);
      t.equal(left.size, 0);
    },
  );

  await clusterTest(
    t,
    name('a mount that is killed, or taken away, ends their wait'),
    options,
    async (t, m) => {
      const [one, two] = [await m.locker(`${m.mnt}/f`), await m.locker(`${m.other}/f`)];
      t.equal(await one.ask('set a wr'), 'ok');
      await two.blocked('wait a wr');
      await m.killOther();
      t.match(await two.answer(), /ENOTCONN|ECONNABORTED|EIO/);
      const three = await m.locker(`${m.mnt}/f`);
      await three.blocked('wait a wr');
      must('umount', ['-l', m.mnt]);
      await three.end('SIGKILL');
      await one.end('SIGKILL');
      await m.here.ended();
      t.notMatch(m.here.log(), /level=(error|warn)/);
    },
  );

  await clusterTest(t, name('readers together, the writer after them'), options, async (t, m) => {
    const [one, two, three] = (await Promise.all(
      [m.mnt, m.other, m.mnt].map((place) => m.locker(`${place}/f`)),
    )) as [Locker, Locker, Locker];
    t.equal(await one.ask('set a wr'), 'ok');
    await two.blocked('wait a rd');
    await three.blocked('wait a rd');
    t.equal(await one.ask('set a rd'), 'ok', 'lowered');
    t.same([await two.answer(), await three.answer()], ['ok', 'ok']);
    await one.blocked('wait a wr');
    t.equal(await two.ask('set a un'), 'ok');
    t.ok(one.waits);
    t.equal(await three.ask('close a'), 'ok');
    t.equal(await one.answer(), 'ok', 'raised');
  });
}

await clusterTest(t, 'nothing moves while nobody waits', { prepare, options: 'threads=2' }, async (t, m) => {
  const [one, two] = [await m.locker(`${m.mnt}/f`), await m.locker(`${m.other}/f`)];
  t.equal(await one.ask('set a wr'), 'ok');
  await two.blocked('wait a wr');
  t.equal(await one.ask('set a un'), 'ok');
  t.equal(await two.answer(), 'ok');
  const switches = () => {
    const threads = must('bash', ['-c', `cat /proc/${m.otherPid}/task/*/status`]);
    return [...threads.matchAll(/^voluntary_ctxt_switches:\s+(\d+)/gm)].reduce(
      (sum, [, n]) => sum + Number(n),
      0,
    );
  };
  let last = -1;
  // The daemon's threads come to rest: two looks a second apart that see the same.
  await until(
    'rest',
    () => {
      const before = last;
      last = switches();
      if (before !== last) must('sleep', ['1']);
      return before === last;
    },
    30_000,
  );
  t.ok(last > 0);
});
