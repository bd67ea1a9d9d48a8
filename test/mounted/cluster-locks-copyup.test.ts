// `locks=cluster` and copy-up: the locks that are held on this host come along with the file, those of another host are waited for.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { clusterTest } from './cluster.ts';
import { whereIs } from './tools.ts';

const prepare = ({ lower }: { lower: string[] }) => {
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) writeFileSync(`${lower[0]}/${name}`, 'old\n');
};

for (const threads of [1, 8]) {
  const options = { prepare, options: `cache=none,threads=${threads}` };
  const name = (text: string) => `${text}, ${threads} workers`;

  await clusterTest(t, name('locks of this host come along'), options, async (t, m) => {
    const [reader, other] = [await m.locker(`${m.mnt}/a`, 'r'), await m.locker(`${m.mnt}/a`, 'r')];
    for (const act of [
      'set a rd 5 5',
      'set a rd 20 0',
      `open b r ${m.mnt}/a`,
      'oset b rd 0 3',
      'flock a sh nb',
    ])
      t.equal(await reader.ask(act), 'ok', act);
    t.equal(await other.ask('set a rd 7 1'), 'ok');
    t.equal(await other.ask('flock a sh nb'), 'ok');
    const writer = await m.locker(`${m.mnt}/a`, 'w');
    t.equal(whereIs(m, 'a'), 'upper');
    t.equal(await writer.ask('write a new'), 'ok');
    t.equal(await reader.ask('read a'), '<old', 'the reader has the copy');
    await reader.answer(); // the file has two lines
    const away = await m.locker(`${m.other}/a`);
    for (const [range, found] of [
      ['0 3', 'EAGAIN'],
      ['3 2', 'ok'],
      ['5 1', 'EAGAIN'],
      ['7 1', 'EAGAIN'],
      ['10 10', 'ok'],
      ['1000 1', 'EAGAIN'],
    ]) {
      t.equal(await away.ask(`set a wr ${range}`), found, `on the copy, for the other host: ${range}`);
    }
    t.equal(await away.ask('set a un'), 'ok');
    t.equal(await away.ask('flock a ex nb'), 'EAGAIN');
    t.equal(await other.ask('close a'), 'ok');
    t.equal(await away.ask('set a wr 7 1'), 'EAGAIN', 'the reader’s');
    t.equal(await reader.ask('set a un'), 'EAGAIN'.replace('EAGAIN', 'ok'));
    t.equal(await away.ask('set a wr 5 0'), 'ok');
    t.equal(await reader.ask('close b'), 'ok');
    t.equal(await away.ask('wait a wr 0 0'), 'ok');
    t.equal(await reader.ask('flock a un'), 'ok');
    t.equal(await away.ask('flock a ex'), 'ok');
  });

  await clusterTest(
    t,
    name('an exclusive flock comes along, on the file that its holder opens'),
    options,
    async (t, m) => {
      const holder = await m.locker(`${m.mnt}/b`, 'r');
      t.equal(await holder.ask('flock a ex nb'), 'ok');
      t.equal(await holder.ask('set a rd'), 'ok');
      t.equal(await holder.ask(`open b rw ${m.mnt}/b`), 'ok', 'its own locks are in nobody’s way');
      t.equal(whereIs(m, 'b'), 'upper');
      const away = await m.locker(`${m.other}/b`);
      t.equal(await away.ask('flock a sh nb'), 'EAGAIN');
      t.equal(await away.ask('set a wr'), 'EAGAIN');
      t.equal(await holder.ask('set b wr'), 'ok', 'raised on the copy');
      t.equal(await away.ask('set a rd'), 'EAGAIN');
      t.equal(await holder.ask('close a'), 'ok');
      t.equal(await away.ask('flock a sh'), 'ok');
      t.equal(await away.ask('set a wr'), 'ok');
    },
  );

  await clusterTest(t, name('another host’s locks are waited for'), options, async (t, m) => {
    for (const [file, hold, free] of [
      ['c', 'set a rd 100 1', 'set a un'],
      ['d', 'oset a rd', 'oset a un'],
      ['e', 'flock a sh nb', 'flock a un'],
      ['f', 'flock a ex nb', 'close a'],
    ] as const) {
      await t.test(hold, async (t) => {
        const holder = await m.locker(`${m.other}/${file}`, 'r');
        t.equal(await holder.ask(hold), 'ok');
        const writer = await m.locker();
        t.equal(await writer.ask(`open a n ${m.mnt}/${file}`), 'EAGAIN', 'O_NONBLOCK waits for nothing');
        if (hold !== 'flock a ex nb') {
          const also = await m.locker(`${m.mnt}/${file}`, 'r');
          t.equal(await also.ask(hold), 'ok');
          t.equal(await also.ask(`open b n ${m.mnt}/${file}`), 'EAGAIN', 'nor who has a lock too');
          const away = await m.locker(`${m.other}/${file}`, 'r');
          t.equal(
            await away.ask('flock a ex nb'),
            hold.startsWith('flock') ? 'EAGAIN' : 'ok',
            'which he keeps',
          );
          await also.end();
          await away.end();
        }
        await writer.blocked(`open a w ${m.mnt}/${file}`);
        writer.signal('SIGUSR1');
        t.equal(await writer.answer(), 'EINTR');
        await writer.blocked(`open a t ${m.mnt}/${file}`);
        t.equal(whereIs(m, file), 'lower');
        t.equal(readFileSync(`${m.mnt}/${file}`, 'utf8'), 'old\n', 'others are served');
        t.equal(await holder.ask(free), 'ok');
        t.equal(await writer.answer(), 'ok');
        t.equal(whereIs(m, file), 'upper');
        if (free !== 'close a')
          t.equal(await holder.ask(hold), 'ESTALE', 'its file is no longer what the name shows');
        t.equal(await holder.ask(`open a r ${m.other}/${file}`), 'ok');
        t.equal(await holder.ask(hold), 'ok');
      });
    }
  });

  await clusterTest(t, name('and refused when it does not go away'), options, async (t, m) => {
    const [holder, writer] = [await m.locker(`${m.other}/g`, 'r'), await m.locker(`${m.mnt}/g`, 'r')];
    for (const locker of [holder, writer]) t.equal(await locker.ask('set a rd'), 'ok');
    // Each waits for the other's lock, and has one: neither may wait for ever.
    await writer.blocked(`open b rw ${m.mnt}/g`);
    await holder.blocked(`open b rw ${m.other}/g`);
    t.equal(await writer.answer(), 'EBUSY');
    t.equal(await holder.answer(), 'EBUSY');
    t.equal(whereIs(m, 'g'), 'lower');
    t.equal(await writer.ask('get a wr'), 'rd 0 0 0', 'and both locks are there');
    t.equal(await holder.ask('get a wr'), 'rd 0 0 0');
    t.notOk(existsSync(`${m.upper}/g`));
  });

  await clusterTest(t, name('what is deleted while it is open can be locked on'), options, async (t, m) => {
    const [one, two] = [await m.locker(`${m.mnt}/h`, 'r'), await m.locker(`${m.mnt}/h`, 'r')];
    const fs = await import('node:fs');
    fs.unlinkSync(`${m.mnt}/h`);
    t.equal(await one.ask('flock a ex nb'), 'ok');
    t.equal(await two.ask('flock a sh nb'), 'EAGAIN');
    t.equal(await two.ask('set a rd'), 'ok');
    t.equal(await one.ask('get a wr'), `rd 0 0 ${two.pid}`);
  });
}
