// Eight processes hammer one tree on both layers at the same time; afterwards it is consistent, and the daemon has kept nothing.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { cleanEnv, type Mounted, mountTest, sh, treeDigest, until, whereIs } from './support.ts';

const script = fileURLToPath(new URL('hammer-worker.mjs', import.meta.url));
const PROCESSES = 8;
const ACTS = 1000;

const prepare = ({ upper, lower }: { upper: string; lower: string[] }) => {
  [upper, ...lower].forEach((layer, k) => {
    mkdirSync(`${layer}/kept`);
    for (let d = 0; d < 6; d++) {
      if ((d + k) % 3 === 2) continue;
      mkdirSync(`${layer}/d${d}`);
      for (let f = 0; f < 30; f += 2)
        writeFileSync(`${layer}/d${d}/f${(f + d + k) % 30}`, `of ${k}\n`.repeat(500));
    }
    for (let i = k; i < 40; i += 3) writeFileSync(`${layer}/kept/keep${i}`, '');
  });
};

/** Of files and directories: each thread that is added has some pipes and events of its own. */
const descriptors = (m: Mounted) =>
  readdirSync(`/proc/${m.daemonPid}/fd`).filter((fd) =>
    linkOf(`/proc/${m.daemonPid}/fd/${fd}`).startsWith('/'),
  ).length;

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ''; // closed meanwhile
  }
}

const status = (m: Mounted, what: string) =>
  Number(
    new RegExp(`^${what}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${m.daemonPid}/status`, 'latin1'))?.[1],
  );
const memory = (m: Mounted) => status(m, 'RssAnon') / 1024;

/** What a further worker takes, in MB, when it is in full work. */
const PER_WORKER = 20;

async function hammer(
  m: Mounted,
  seed: number,
): Promise<{ strange: string[]; appended: Map<string, string[]> }> {
  const strange: string[] = [];
  const appended = new Map<string, string[]>();
  await Promise.all(
    Array.from({ length: PROCESSES }, async (_, self) => {
      const args = [script, m.mnt, self, PROCESSES, seed, ACTS].map(String);
      const child = spawn(process.execPath, args, {
        cwd: '/',
        env: cleanEnv(),
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let said = '';
      child.stdout.on('data', (data) => {
        said += data;
      });
      await once(child, 'close');
      const result = JSON.parse(said);
      for (const [what, times] of Object.entries(result.strange)) strange.push(`${what} × ${times}`);
      for (const [file, line] of result.appended) appended.set(file, [...(appended.get(file) ?? []), line]);
    }),
  );
  return { strange, appended };
}

function checkKept(t: Test, m: Mounted, appended: Map<string, string[]>[]): void {
  const wrong: string[] = [];
  for (let i = 0; i < 40; i++) {
    const file = `keep${i}`;
    const expected = appended.flatMap((each) => each.get(file) ?? []);
    const found = readFileSync(`${m.mnt}/kept/${file}`, 'latin1').split('\n').slice(0, -1);
    if (found.slice().sort().join() !== expected.sort().join())
      wrong.push(`${file}: ${found.length} lines of ${expected.length}`);
  }
  t.same(wrong, [], 'every line that was appended is there, once');
}

for (const options of ['', 'cache=none']) {
  await mountTest(
    t,
    `eight processes at once${options && `, ${options}`}`,
    { lowers: 2, prepare, options },
    async (t, m) => {
      const before = descriptors(m);
      const rounds = [await hammer(m, 1)];
      const warm = memory(m);
      const workers = status(m, 'Threads');
      const bound = () => warm + PER_WORKER * (status(m, 'Threads') - workers) + 40;
      // Garbage is collected when it is enough: what is kept for good grows with each round, garbage does not.
      do rounds.push(await hammer(m, rounds.length + 1));
      while (memory(m) >= bound() && rounds.length < 5);
      t.ok(memory(m) < bound(), `memory: ${warm.toFixed()} MB, then ${memory(m).toFixed()} MB`);
      const strange = rounds.flatMap((round) => round.strange);
      t.same(strange, [], 'no error that no race explains');
      const appended = rounds.map((round) => round.appended);
      checkKept(t, m, appended);

      // What is listed is there, and is one thing: the mount, seen anew, shows the same.
      const seen = treeDigest(m.mnt, { times: false });
      sh('find . -not -type d -not -type l -exec cat {} + >/dev/null; find . -exec stat {} + >/dev/null', {
        cwd: m.mnt,
      });
      const numbers = sh('find . -not -type d -links 1 -printf "%i\\n" | sort | uniq -d', { cwd: m.mnt });
      t.equal(numbers, '', 'no inode number twice');
      for (const layer of [m.upper, ...m.lower]) {
        t.equal(
          sh('find .migratefs -mindepth 2 -path "*/work/*" 2>/dev/null || true', { cwd: layer }),
          '',
          'no temporary',
        );
      }
      const directories = Number(sh('find . -type d | wc -l', { cwd: m.mnt })) * (1 + m.lower.length);
      await until('descriptors are closed', () => descriptors(m) <= before + directories).catch(() => {});
      const open = descriptors(m) - before;
      t.ok(open <= directories, `${open} descriptors more than at the start, no more than directories`);
      await m.remount();
      t.same(treeDigest(m.mnt, { times: false }), seen, 'the same after another mount');
      for (let i = 0; i < 40; i++) t.equal(whereIs(m, `kept/keep${i}`).split(' ')[0], 'upper');
      sh('rm -rf -- *', { cwd: m.mnt });
      t.same(readdirSync(m.mnt), []);
      for (const layer of [m.upper, ...m.lower])
        t.same(Object.keys(treeDigest(layer)), ['.'], 'nothing is left');
    },
  );
}
