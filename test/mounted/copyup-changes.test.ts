// A program that works on the old storage itself, past the mount, changes a file while that is copied: the copy begins again, and has what
// the file has in the end; what changes each time is not moved; and what is changed when the copy is complete already is not deleted.

import {
  appendFileSync,
  chmodSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import t from 'tap';
import type { FaultPoint } from '../../src/layers/faultpoint.ts';
import { leftovers } from './defects-support.ts';
import { UNPUBLISHED } from './faults.ts';
import { recordsOf } from './journal-support.ts';
import { Opener } from './opener.ts';
import { mountTest, whereIs } from './support.ts';

const OLD = 'old\n'.repeat(5000);

/** Where the source is looked at once more afterwards. */
const COPYING = UNPUBLISHED.filter((point) => point !== 'copyup.ready');

interface Change {
  does: (path: string) => void;
  content: string;
  mode?: number;
}

const CHANGES: Record<string, Change> = {
  grown: { does: (path) => appendFileSync(path, 'tail\n'), content: `${OLD}tail\n` },
  shrunk: { does: (path) => truncateSync(path, 4000), content: OLD.slice(0, 4000) },
  emptied: { does: (path) => truncateSync(path), content: '' },
  overwritten: {
    does: (path) => writeFileSync(path, 'new\n'.repeat(5000), { flag: 'r+' }),
    content: 'new\n'.repeat(5000),
  },
  protected: { does: (path) => chmodSync(path, 0o604), content: OLD, mode: 0o604 },
  replaced: {
    does: (path) => {
      writeFileSync(`${path}.other`, 'other\n', { mode: 0o600 });
      renameSync(`${path}.other`, path);
    },
    content: 'other\n',
    mode: 0o600,
  },
};

const options = { faults: true, needs: ['perl'], timeout: 300_000 };

for (const point of COPYING) {
  const prepare = ({ lower: [lower] }: { lower: string[] }) => {
    for (const name of Object.keys(CHANGES)) writeFileSync(`${lower}/${name}`, OLD, { mode: 0o640 });
  };
  await mountTest(t, `changed at ${point}: copied again`, { ...options, prepare }, async (t, m) => {
    for (const [name, { does, content, mode = 0o640 }] of Object.entries(CHANGES)) {
      const stopped = m.faults.pause(point);
      const opener = new Opener(`${m.mnt}/${name}`, 'more');
      const there = await stopped();
      does(`${m.lower[0]}/${name}`);
      there.go();
      t.equal(await opener.ended, 'ok', name);
      t.ok(
        readFileSync(`${m.upper}/${name}`, 'utf8') === `${content}more\n`,
        'what it has become, and the word, once',
      );
      t.ok(readFileSync(`${m.mnt}/${name}`, 'utf8') === `${content}more\n`);
      t.equal(statSync(`${m.upper}/${name}`).mode & 0o7777, mode);
      t.equal(whereIs(m, name), 'upper');
      t.same(leftovers(m.upper), []);
      t.same(leftovers(m.lower[0] as string), []);
    }
  });
}

/** How often a copy begins: ATTEMPTS in copyup.ts. */
const ATTEMPTS = 5;

const one = ({ lower: [lower] }: { lower: string[] }) => writeFileSync(`${lower}/file`, OLD, { mode: 0o640 });

for (const point of COPYING) {
  await mountTest(
    t,
    `changed at ${point} each time: EBUSY, and it stays`,
    // The kernel shall believe no size that was true a moment ago.
    { ...options, prepare: one, options: 'cache=none' },
    async (t, m) => {
      const source = `${m.lower[0]}/file`;
      let stopped = m.faults.pause(point);
      const opener = new Opener(`${m.mnt}/file`, 'more');
      let content = OLD;
      for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
        const there = await stopped();
        appendFileSync(source, `${attempt}\n`);
        content += `${attempt}\n`;
        if (attempt < ATTEMPTS) stopped = m.faults.pause(point);
        there.go();
      }
      t.equal(await opener.ended, 'EBUSY');
      t.equal(whereIs(m, 'file'), 'lower');
      t.ok(readFileSync(source, 'utf8') === content, 'the source is as it was left');
      t.ok(readFileSync(`${m.mnt}/file`, 'utf8') === content);
      t.same(leftovers(m.upper), []);
      t.match(recordsOf(m).at(-1), { op: 'migrate', path: '/file', result: 'EBUSY' });
      t.equal(await new Opener(`${m.mnt}/file`, 'more').ended, 'ok', 'once it is left alone, it comes up');
      t.ok(readFileSync(`${m.upper}/file`, 'utf8') === `${content}more\n`);
      t.equal(whereIs(m, 'file'), 'upper');
      t.same(leftovers(m.upper), []);
    },
  );
}

const LATE: FaultPoint[] = ['copyup.ready', 'copyup.published'];

for (const point of LATE) {
  await mountTest(
    t,
    `grown at ${point}: the copy is complete by then, and the source is not deleted`,
    { ...options, prepare: one },
    async (t, m) => {
      const source = `${m.lower[0]}/file`;
      const stopped = m.faults.pause(point);
      const opener = new Opener(`${m.mnt}/file`, 'more');
      const there = await stopped();
      appendFileSync(source, 'late\n');
      there.go();
      t.equal(await opener.ended, 'ok');
      t.ok(readFileSync(`${m.mnt}/file`, 'utf8') === `${OLD}more\n`);
      t.equal(whereIs(m, 'file'), 'upper lower');
      t.ok(readFileSync(source, 'utf8') === `${OLD}late\n`, 'what came late is there still');
      t.match(m.log(), /level=warn event=source_kept path=\/file .*error=EBUSY /);
      t.match(recordsOf(m).at(-1), { op: 'migrate', path: '/file', result: 'ok', source: 'kept' });
      t.same(leftovers(m.upper), []);
      // It is hidden until the name goes, also for the next mount.
      await m.remount();
      t.ok(readFileSync(`${m.mnt}/file`, 'utf8') === `${OLD}more\n`);
      t.equal(whereIs(m, 'file'), 'upper lower');
      unlinkSync(`${m.mnt}/file`);
      t.equal(whereIs(m, 'file'), '');
    },
  );
}
