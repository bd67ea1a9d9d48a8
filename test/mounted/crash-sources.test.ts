// The daemon dies when a copy is published and its source not removed yet: the next mount removes the source, if it is proven that nothing can
// be lost with it. What is in doubt stays, and users see the copy.

import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import t from 'tap';
import { list } from './hosts.ts';
import { type Mounted, mountTest, run, whereIs } from './support.ts';

/** What happens between the daemon's death and the next mount, and what becomes of the source. */
interface Case {
  readonly act: (m: Mounted, slot: string) => void;
  readonly source: 'removed' | 'kept';
  readonly says?: RegExp;
  /** What users see; by default the copy. */
  readonly shown?: string;
}

const OLD = 'old\n';
const path = 'p/q/x';
const below = (m: Mounted) => `${m.lower[0]}/${path}`;
const above = (m: Mounted) => `${m.upper}/${path}`;

/** Without the marks that lead to them. */
const slotsIn = (dir: string) => list(dir).filter((name) => !name.startsWith('publishing-'));

/** Changes a record, and seals it as its daemon would (src/layers/copyslot.ts). */
const seal = (change: (text: string) => string) => (_m: Mounted, slot: string) => {
  const text = change((readFileSync(slot, 'utf8').split('\n')[0] as string).replace(/^\S+ /, ''));
  const sum = createHash('sha256').update(text).digest('hex').slice(0, 16);
  writeFileSync(slot, `${sum} ${text}\n`);
};

const CASES: Record<string, Case> = {
  nothing: { act: () => {}, source: 'removed', says: /level=info event=source_removed path=p\/q\/x layer=/ },
  'the copy is written to': {
    act: (m) => appendFileSync(above(m), 'more\n'),
    source: 'removed',
    shown: 'old\nmore\n',
  },
  'the source is written to': {
    act: (m) => appendFileSync(below(m), 'more\n'),
    source: 'kept',
    says: /level=warn event=hidden_source_kept path=p\/q\/x .* error=changed /,
  },
  'the mode of the source is changed': {
    act: (m) => chmodSync(below(m), 0o600),
    source: 'kept',
    says: /event=hidden_source_kept .* error=changed /,
  },
  'another file takes the name of the copy': {
    act: (m) => {
      writeFileSync(`${above(m)}.new`, OLD);
      renameSync(`${above(m)}.new`, above(m));
    },
    source: 'kept',
  },
  'the copy is removed': { act: (m) => rmSync(above(m)), source: 'kept' },
  'the record belongs to a user': {
    act: (_m, slot) => chownSync(slot, 65534, 65534),
    source: 'kept',
    says: /level=error event=slot_refused record=.* error=EACCES /,
  },
  'the record can be read by others': {
    act: (_m, slot) => chmodSync(slot, 0o644),
    source: 'kept',
    says: /event=slot_refused .* error=EACCES /,
  },
  'a link stands in place of the record': {
    act: (m, slot) => {
      renameSync(slot, `${m.dir}/elsewhere`);
      run('ln', ['-s', `${m.dir}/elsewhere`, slot]);
    },
    source: 'kept',
    says: /event=slot_refused .* error=ELOOP /,
  },
  'the record is not whole': {
    act: (_m, slot) => truncateSync(slot, readFileSync(slot).length - 2),
    source: 'kept',
  },
  'a byte of the record is another one': {
    act: (_m, slot) =>
      writeFileSync(slot, readFileSync(slot, 'latin1').replace('"version":1', '"version":2')),
    source: 'kept',
  },
  'the record is whole, and says nothing': { act: seal(() => 'null'), source: 'kept' },
  'the record is whole, and no record': { act: seal(() => '{"version":1'), source: 'kept' },
  'the record is whole, and of no storage': {
    act: seal((text) => text.replace(/"from":\{.*?\}/, '"from":null')),
    source: 'kept',
  },
};

await mountTest(
  t,
  'a source that was not removed yet',
  {
    root: true,
    faults: true,
    timeout: 400_000,
    prepare: ({ lower: [lower] }) => {
      mkdirSync(`${lower}/p/q`, { recursive: true });
    },
  },
  async (t, m) => {
    const slots = `${m.upper}/.migratefs/slots`;
    for (const [name, { act, source, says, shown = OLD }] of Object.entries(CASES)) {
      mkdirSync(`${m.lower[0]}/p/q`, { recursive: true });
      writeFileSync(below(m), OLD);
      m.faults.kill('copyup.durable');
      run('bash', ['-c', `echo never >>${path}`], { cwd: m.mnt });
      await m.ended();
      m.faults.clear();
      await m.unmount();
      t.ok(existsSync(below(m)) && existsSync(above(m)), `${name}: both are there`);
      const [slot = '', ...more] = slotsIn(slots);
      t.same(more, []);
      act(m, `${slots}/${slot}`);
      const said = m.log().length;
      await m.remount();
      t.equal(existsSync(below(m)), source === 'kept', `${name}: the source is ${source}`);
      if (source === 'kept' && existsSync(above(m))) t.match(readFileSync(below(m), 'utf8'), OLD);
      t.equal(readFileSync(`${m.mnt}/${path}`, 'utf8'), shown, 'users see the copy');
      const now = m.log().slice(said);
      if (says === undefined)
        t.notMatch(now, /hidden_source|slot_refused|source_removed path=p\/q\/x layer=$/);
      else t.match(now, says);
      t.same(slotsIn(slots), now.includes('slot_refused') ? [slot] : []);
      for (const left of list(slots)) rmSync(`${slots}/${left}`);
      t.equal(run('rm', [path], { cwd: m.mnt }).status, 0);
      t.equal(whereIs(m, path), '', 'with the name all of it goes');
    }
  },
);

await mountTest(
  t,
  'a source is removed when it is not its first copy-up that the daemon has died in',
  {
    root: true,
    faults: true,
    options: 'threads=1',
    prepare: ({ lower: [lower] }) => {
      writeFileSync(`${lower}/${'long'.repeat(50)}`, OLD);
      writeFileSync(`${lower}/x`, OLD);
      run('ln', ['-s', 'there', `${lower}/l`]);
    },
  },
  async (t, m) => {
    t.equal(run('bash', ['-c', 'echo more >>long*'], { cwd: m.mnt }).status, 0);
    m.faults.kill('copyup.published');
    run('bash', ['-c', 'echo never >>x'], { cwd: m.mnt });
    await m.ended();
    m.faults.clear();
    await m.remount();
    t.equal(whereIs(m, 'x'), 'upper');
    t.equal(readFileSync(`${m.mnt}/x`, 'utf8'), OLD);
    t.match(m.log(), /event=source_removed path=x /);
  },
);

await mountTest(
  t,
  'a daemon that is not killed takes its records away',
  { prepare: ({ lower: [lower] }) => writeFileSync(`${lower}/f`, OLD) },
  async (t, m) => {
    run('bash', ['-c', 'echo more >>f'], { cwd: m.mnt });
    t.equal(slotsIn(`${m.upper}/.migratefs/slots`).length, 1);
    await m.unmount();
    t.same(list(`${m.upper}/.migratefs/slots`), []);
  },
);

await mountTest(
  t,
  'a worker that could not write down what it publishes tries again with its next copy',
  {
    faults: true,
    options: 'threads=1',
    prepare: ({ upper, lower: [lower] }) => {
      mkdirSync(`${upper}/.migratefs`, 0o700);
      writeFileSync(`${upper}/.migratefs/slots`, '');
      for (const name of ['first', 'next']) writeFileSync(`${lower}/${name}`, OLD);
    },
  },
  async (t, m) => {
    appendFileSync(`${m.mnt}/first`, 'more\n');
    t.equal(whereIs(m, 'first'), 'upper', 'users do not notice');
    rmSync(`${m.upper}/.migratefs/slots`);
    m.faults.kill('copyup.durable');
    run('sh', ['-c', `echo more >>"$1"`, 'sh', `${m.mnt}/next`]);
    await m.ended();
    t.equal(whereIs(m, 'next'), 'upper lower');
    m.faults.clear();
    await m.remount();
    t.equal(whereIs(m, 'next'), 'upper');
  },
);
