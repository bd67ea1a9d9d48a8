// An ordinary user who owns directories in the layers and attacks whoever works in them (attacker.c): what he is given, how he is let
// loose, and what must be as it was afterwards.

import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import type { Test } from 'tap';
import { compiled, seedOf } from '../long/exerciser.ts';
import { leftovers, MEMBER, NOBODY } from './defects-support.ts';
import type { OtherHost } from './second.ts';
import {
  cleanEnv,
  isAlive,
  type Mounted,
  type MountTestOptions,
  run,
  sh,
  treeDigest,
  type User,
} from './support.ts';

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

/** Of a test with an attacker. */
export const ATTACKED: MountTestOptions = {
  root: true,
  backing: 'tmpfs',
  options: 'cache=none',
  needs: ['gcc', 'setpriv', 'setfattr'],
  prepare: lay,
};

/** All that is root's alone, in full. What all may write is left out. */
function roots({ dir, upper, lower }: Mounted): unknown {
  return [`${dir}/victim`, ...[upper, ...lower].map((layer) => `${layer}/r`)].map((path) => {
    const { open: _, ...others } = treeDigest(path, { directoryTimes: path.endsWith('victim') });
    return others;
  });
}

/** How often each thing that was tried has succeeded, and the errors of each that has failed. */
export interface Tally {
  counts: Record<string, number>;
  errors: Record<string, string[]>;
}

function tallied(said: string[]): Tally {
  const tally: Tally = { counts: {}, errors: {} };
  for (const line of said.flatMap((each) => each.trimEnd().split('\n'))) {
    const [what = '', count, ...failed] = line.split('\t');
    tally.counts[what] = (tally.counts[what] ?? 0) + Number(count);
    const errors = failed.map((each) => each.split('=')[0] as string);
    tally.errors[what] = [...new Set([...(tally.errors[what] ?? []), ...errors])].sort();
  }
  return tally;
}

interface Attacker {
  /** Its exit status if that is not 0, and what it has said. */
  ended: Promise<string>;
  stop: () => void;
}

const ROOT: User = { uid: 0, gid: 0 };

class Attack {
  readonly #program: string;
  #seed = seedOf();

  constructor(m: Mounted) {
    this.#program = compiled('mounted/attacker', m.dir);
  }

  start({ uid, gid }: User, ...args: (string | number)[]): Attacker {
    const who = ['--reuid', `${uid}`, '--regid', `${gid}`, '--clear-groups', '--pdeathsig', 'KILL'];
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
    return { ended, stop: () => child.kill('SIGTERM') };
  }
}

export interface AttackOptions {
  /** Where he swaps what is his: layers or mounts. */
  swaps: string[];
  /** Where he removes what has come up. */
  clears: string;
  /** Mounts in which he, root and somebody else work. */
  uses: string[];
  /** The second of two mounts of the layers. */
  other?: OtherHost;
  /** Calls of each, and seconds after which it is enough. */
  rounds: number;
  seconds: number;
}

/**
 * What has lost its name natively in the moment in which it came up: who reads the old file goes on with that. What was taken aside and is another
 * object, and has lost its name to a third one meanwhile, is kept. So is what a rename has put where it was to go, or cannot have its old name back,
 * since he, or another host, has put something there meanwhile: it is told.
 */
const TOLD = / event=(?:rename_torn|replaced_directory_kept|redirect_failed|name_not_given_back) /;

/** Lets him loose, and looks at what is left. @returns what has been swapped and called */
export async function attacked(
  t: Test,
  m: Mounted,
  options: AttackOptions,
): Promise<{ swaps: Tally; calls: Tally }> {
  const { dir, upper, lower, daemonPid } = m;
  const before = roots(m);
  const attack = new Attack(m);
  const swaps = options.swaps.map((place) => attack.start(NOBODY, 'swap', `${place}/u`, `${dir}/victim`));
  const looking = attack.start(NOBODY, 'watch', ...lower, upper);
  const renewed = [`${options.clears}/u`, `${lower[0]}/u`];
  const uses = options.uses.flatMap((place) =>
    [NOBODY, NOBODY, MEMBER, ROOT].map((user) => {
      const more = user === NOBODY ? renewed : [];
      return attack.start(user, 'use', `${place}/u`, options.rounds, options.seconds, ...more);
    }),
  );
  const called = await Promise.all(uses.map(({ ended }) => ended));
  for (const each of [...swaps, looking]) each.stop();
  t.equal(await looking.ended, '', 'who has looked all the while has found nothing');
  const swapped = await Promise.all(swaps.map(({ ended }) => ended));
  t.same(
    [...swapped, ...called].filter((each) => !/^(?:[a-z :]+\t\d+(?:\tE[A-Z]+=\d+)*\n)+$/.test(each)),
    [],
    'nobody has had what he must not have, and no call has hung',
  );
  t.same(roots(m), before, 'what is root’s is as it was');
  const found = run('grep', ['-rl', '--devices=skip', 'SECRET', `${lower[0]}/u`, `${upper}/u`]);
  t.equal(found.stdout.toString(), '', 'nothing of it has come in');
  t.match(
    treeDigest(`${m.mnt}/r`).open,
    { owner: '0:0', mode: '666' },
    'a file that all may write has its owner',
  );
  const logs = [m.log(), ...(options.other === undefined ? [] : [options.other.log()])].join('');
  const kept = [...logs.matchAll(/ kept=(\S+)/g)].map(([, name]) => name);
  const left = [lower[0] as string, upper].flatMap(leftovers);
  t.same(
    left.filter((name) => !kept.includes(name)),
    [],
    'nothing unfinished is left',
  );
  const errors = logs.split('\n').filter((line) => line.includes(' level=error '));
  t.same(
    errors.filter((line) => !TOLD.test(line)),
    [],
    'nothing wrong in the log',
  );
  for (const pid of [daemonPid, ...(options.other === undefined ? [] : [options.other.pid])]) {
    t.ok(isAlive(pid), 'the daemon lives');
  }
  return { swaps: tallied(swapped), calls: tallied(called) };
}

/** As `attacked`, with all of it going through the mount and another one of the same layers. */
export function attackedThrough(
  t: Test,
  m: Mounted,
  other: OtherHost,
  limits: { rounds: number; seconds: number },
): Promise<{ swaps: Tally; calls: Tally }> {
  const mounts = [m.mnt, other.mnt];
  return attacked(t, m, { swaps: mounts, clears: m.mnt, uses: mounts, other, ...limits });
}

/** What is left can be walked through, by a daemon that has not been there. */
export async function assertWhole(t: Test, m: Mounted): Promise<void> {
  await m.remount();
  t.doesNotThrow(() => treeDigest(`${m.mnt}/u`), 'a new mount shows all of it');
}

/** What such calls meet on any file system, when others change what they go through. */
const COMMON = 'EACCES EEXIST EISDIR ELOOP ENOENT ENOTDIR ENOTEMPTY ENXIO EPERM'.split(' ');
/** Besides, of one that several hosts use (docs/semantics.md): another object, which changes all the while, another one's place below. */
const OF_HOSTS = ['ESTALE', 'EBUSY', 'EXDEV'];
/** A FIFO cannot be cut. */
const OF_CALL: Record<string, string[]> = { truncate: ['EINVAL'] };

const SELDOM = ['mkdir', 'rmdir', 'rename directory'];

/** Each of the calls went now and then (those for directories seldom do, whose names are swapped most) and failed as it may. */
export function assertCalls(t: Test, { counts, errors }: Tally): void {
  const never = Object.keys(counts).filter((call) => counts[call] === 0 && !SELDOM.includes(call));
  t.same([Object.keys(counts).length, never], [18, []], JSON.stringify(counts));
  const strays = Object.entries(errors).flatMap(([call, names]) => {
    const expected = [...COMMON, ...OF_HOSTS, ...(OF_CALL[call] ?? [])];
    return names.filter((name) => !expected.includes(name)).map((name) => `${call}: ${name}`);
  });
  t.same(strays, [], 'no error that nobody expects');
}
