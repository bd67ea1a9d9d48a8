// An ordinary user who owns a directory in each layer, and may write to both behind the mount, swaps what lies there for links to what
// is root's, for others' files and for directories, while he has the daemon copy up, rename, remove, link and list it
// (test/long/attacker.c). What is root's stays as it is, shows nobody anything, and nothing of root's comes into his directory.

import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { compiled, seedOf } from '../long/exerciser.ts';
import { leftovers, NOBODY } from './defects-support.ts';
import { cleanEnv, isAlive, type Mounted, mountTest, run, sh, treeDigest } from './support.ts';

/** Calls of each of two processes. */
const ROUNDS = 1000;

/** Root's, with the names that are in the swapped directory. The program looks for the words SECRET and hush. */
const VICTIM = `
  mkdir -p "$1/sub" "$1/closed/sub"; chmod 700 "$1/closed"
  for name in f g sub/f sub/g closed/f closed/hush; do echo "SECRET $name" >"$1/$name"; chmod 600 "$1/$name"; done
  echo program >"$1/s"; chmod 4755 "$1/s"
  setfattr -n trusted.mark -v root "$1/f"`;

function lay({ upper, lower: [lower = ''] }: { upper: string; lower: string[] }): void {
  sh(`mkdir "$1/victim"; ${VICTIM.replaceAll('$1', '$1/victim')}`, { args: [`${upper}/..`] });
  for (const layer of [lower, upper]) {
    sh(`chmod 755 "$1"; mkdir "$1/r" "$1/u"; chown ${NOBODY.uid}:${NOBODY.gid} "$1/u"`, { args: [layer] });
    sh(VICTIM, { args: [`${layer}/r`] });
  }
  writeFileSync(`${lower}/r/open`, 'all may write\n');
  sh('chmod 666 "$1"', { args: [`${lower}/r/open`] });
}

/** All that is root's alone, in full. What all may write is left out. */
function roots({ dir, upper, lower }: Mounted): unknown {
  return [`${dir}/victim`, ...[upper, ...lower].map((layer) => `${layer}/r`)].map((path) => {
    const { open: _, ...others } = treeDigest(path, { directoryTimes: path.endsWith('victim') });
    return others;
  });
}

/** Each of the calls went now and then; those for directories seldom do, whose names are swapped most. */
function everyCall(t: Test, said: string[]): void {
  const counts = new Map<string, number>();
  for (const line of said.flatMap((each) => each.trimEnd().split('\n'))) {
    const [call = '', count] = line.split('\t');
    counts.set(call, (counts.get(call) ?? 0) + Number(count));
  }
  const never = [...counts].filter(
    ([call, count]) => !(count > 0 || call === 'rmdir' || call === 'rename directory'),
  );
  t.same([counts.size, never], [18, []], JSON.stringify(Object.fromEntries(counts)));
}

class Attack {
  readonly #program: string;
  readonly #running: { stop: () => Promise<string> }[] = [];
  #seed = seedOf();

  constructor(m: Mounted) {
    this.#program = compiled('attacker', m.dir);
  }

  /** @returns what it has said, and its status if that is not 0, when it has ended */
  start(...args: (string | number)[]): Promise<string> {
    const who = [
      '--reuid',
      `${NOBODY.uid}`,
      '--regid',
      `${NOBODY.gid}`,
      '--clear-groups',
      '--pdeathsig',
      'KILL',
    ];
    const child = spawn('setpriv', [...who, '--', this.#program, ...args.map(String), `${this.#seed++}`], {
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: '/',
      env: cleanEnv(),
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (said += data));
    const ended = new Promise<string>((done) =>
      child.once('close', (status, signal) => done(`${status === 0 ? '' : `${signal ?? status} `}${said}`)),
    );
    this.#running.push({
      stop: () => {
        child.kill('SIGTERM');
        return ended;
      },
    });
    return ended;
  }

  /** Ends those that run still. @returns what they have said until then */
  async end(): Promise<string[]> {
    return Promise.all(this.#running.map(({ stop }) => stop()));
  }
}

await mountTest(
  t,
  'an ordinary user swaps what lies in his directories of both layers',
  {
    root: true,
    backing: 'tmpfs',
    options: 'cache=none',
    needs: ['gcc', 'setpriv', 'setfattr'],
    prepare: lay,
  },
  async (t, m) => {
    const { dir, upper, mnt, daemonPid } = m;
    const lower = m.lower[0] as string;
    const before = roots(m);
    const attack = new Attack(m);
    for (const layer of [lower, upper]) attack.start('swap', `${layer}/u`, `${dir}/victim`);
    attack.start('watch', lower, upper);
    const use = ['use', `${mnt}/u`, `${lower}/u`, `${upper}/u`, ROUNDS];
    const said = await Promise.all([attack.start(...use), attack.start(...use)]);
    const others = (await attack.end()).slice(0, 3);
    t.same(
      others,
      Array(3).fill('SIGTERM '),
      'they have swapped and looked all the while, and found nothing',
    );
    everyCall(t, said);
    t.same(roots(m), before, 'what is root’s is as it was');
    const found = run('grep', ['-rl', 'SECRET', `${lower}/u`, `${upper}/u`]);
    t.equal(found.stdout.toString(), '', 'nothing of it has come in');
    t.match(
      treeDigest(`${mnt}/r`).open,
      { owner: '0:0', mode: '666' },
      'a file that all may write has its owner',
    );
    t.same([...leftovers(lower), ...leftovers(upper)], [], 'nothing unfinished is left');
    t.notMatch(m.log(), / level=error /);
    t.ok(isAlive(daemonPid), 'the daemon lives');
  },
);
