// `locks=cluster` on GlusterFS, whose own locks all its clients share: hosts exclude one another, who waits is woken, who dies holds none, and a
// file that another host has locked does not move. What it has not of a local file system is at the end.

process.env.MIGRATEFS_HOSTS_BACKING = 'gluster';

import { writeFileSync } from 'node:fs';
import t from 'tap';
import { must, run, whereIs } from '../mounted/tools.ts';

// What they meet on is read from the environment.
const { clusterTest } = await import('../mounted/cluster.ts');
await import('../mounted/cluster-locks-programs.test.ts');

const prepare = ({ upper, lower: [lower] }: { upper: string; lower: string[] }) => {
  for (const name of ['f', 'g']) writeFileSync(`${upper}/${name}`, 'new\n');
  for (const name of ['fcntl', 'ofd', 'flock', 'own']) writeFileSync(`${lower}/${name}`, 'old\n');
};
const options = { prepare, options: 'cache=none', timeout: 300_000 };

/** To take a lock at once, shared and alone, to wait for it, and to let it go. */
const KINDS = {
  fcntl: { shared: 'set a rd', alone: 'set a wr', wait: 'wait a wr', free: 'set a un' },
  ofd: { shared: 'oset a rd', alone: 'oset a wr', wait: 'owait a wr', free: 'oset a un' },
  flock: { shared: 'flock a sh nb', alone: 'flock a ex nb', wait: 'flock a ex', free: 'flock a un' },
};

await clusterTest(t, 'locks between hosts', options, async (t, m) => {
  const [one, two] = [await m.locker(`${m.mnt}/f`), await m.locker(`${m.other}/f`)];
  for (const [kind, { shared, alone, wait, free }] of Object.entries(KINDS)) {
    t.equal(await one.ask(shared), 'ok', kind);
    t.equal(await two.ask(shared), 'ok', 'both read');
    t.equal(await two.ask(alone), 'EAGAIN', 'neither may write');
    t.equal(await two.ask(free), 'ok');
    t.equal(await one.ask(alone), 'ok', 'raised');
    t.equal(await two.ask(shared), 'EAGAIN');
    await two.blocked(wait);
    two.signal('SIGUSR1');
    t.equal(await two.answer(), 'EINTR', 'who waits can be interrupted');
    await two.blocked(wait);
    t.equal(await one.ask(free), 'ok');
    t.equal(await two.answer(), 'ok', 'and is woken');
    t.equal(await one.ask(shared), 'EAGAIN');
    t.equal(await two.ask(free), 'ok');
  }
  t.equal(await one.ask('set a wr 10 20'), 'ok');
  t.equal(await two.ask('set a wr 0 10'), 'ok', 'ranges stand side by side');
  t.equal(await two.ask('set a wr 29 1'), 'EAGAIN');
  t.match(await two.ask('get a wr 0 0'), /^wr 10 20 /);
});

await clusterTest(t, 'a host that dies holds none', options, async (t, m) => {
  const one = await m.locker(`${m.mnt}/f`);
  const two = await m.locker(`${m.other}/f`);
  const three = await m.locker(`${m.other}/g`);
  t.equal(await two.ask('set a wr'), 'ok');
  t.equal(await three.ask('flock a ex nb'), 'ok');
  await one.blocked('wait a wr');
  await m.killOther();
  t.equal(await one.answer(), 'ok', 'the daemon alone');
  t.equal(await one.ask(`open b rw ${m.mnt}/g`), 'ok');
  t.equal(await one.ask('flock b ex'), 'ok');
});

await clusterTest(t, 'a host whose GlusterFS client dies with all else holds none', options, async (t, m) => {
  const [one, two] = [await m.locker(`${m.mnt}/f`), await m.locker(`${m.other}/f`)];
  t.equal(await two.ask('set a wr'), 'ok');
  await one.blocked('wait a wr');
  const clients = must('pgrep', ['-f', `^glusterfs .*${m.dir}/(upper|lower)-2$`]).split('\n');
  t.equal(clients.length, 2);
  run('kill', ['-9', ...clients, `${m.otherPid}`]);
  t.equal(await one.answer(), 'ok');
});

await clusterTest(t, 'a file that another host has locked does not move', options, async (t, m) => {
  for (const [name, { shared, alone, free }] of Object.entries(KINDS)) {
    const holder = await m.locker(`${m.other}/${name}`, 'r');
    t.equal(await holder.ask(shared), 'ok', name);
    const writer = await m.locker();
    t.equal(await writer.ask(`open a n ${m.mnt}/${name}`), 'EAGAIN', 'O_NONBLOCK waits for nothing');
    await writer.blocked(`open a w ${m.mnt}/${name}`);
    t.equal(whereIs(m, name), 'lower');
    t.equal(await holder.ask(free), 'ok');
    t.equal(await writer.answer(), 'ok');
    t.equal(whereIs(m, name), 'upper');
    t.equal(await holder.ask(`open a rw ${m.other}/${name}`), 'ok');
    t.equal(await holder.ask(alone), 'ok', 'and is locked where it is now');
    t.equal(await writer.ask(alone), 'EAGAIN');
  }
});

await clusterTest(t, 'what is not as on a local file system', options, async (t, m) => {
  const own = await m.locker(`${m.mnt}/own`, 'r');
  t.equal(await own.ask('set a rd'), 'ok');
  t.equal(
    await own.ask(`open b n ${m.mnt}/own`),
    'EAGAIN',
    'a lock of this host does not come along: it is waited for',
  );
  t.equal(await own.ask('set a un'), 'ok');
  t.equal(await own.ask(`open b rw ${m.mnt}/own`), 'ok');
  const [one, two] = [await m.locker(`${m.mnt}/f`), await m.locker(`${m.other}/f`)];
  t.equal(await one.ask('flock a ex nb'), 'ok');
  t.equal(await two.ask('set a wr'), 'EAGAIN', 'flock and fcntl locks exclude one another');
});
