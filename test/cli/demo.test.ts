// `migratefs demo`, for real: as root and as a user, where it cannot mount, and ended from outside at any moment. However it
// ends, no mount, process or file is left.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { type Case, type Outcome, Sandbox } from './sandbox.ts';

const program = fileURLToPath(new URL('../../bin/migratefs.js', import.meta.url));
const HELPER: string = 'fusermount3'; // no package of npm's
const sandbox = new Sandbox();

const DONE = /\nAll \d+ checks hold\. Nothing is left of the mount, its daemon and its files\.\n$/;
const ESCAPE = '\x1b';

/** As `sandbox.run`, in a place of its own for the demo's directory; what is left of that is told on standard error. */
function run(it: Case): Promise<Outcome> {
  const script = `export TMPDIR=$PWD/tmp; mkdir -m 777 -p tmp
${it.script ?? 'migratefs demo'}
s=$?; for f in tmp/*; do [ -e "$f" ] && echo "LEFT $f" >&2; done; (exit $s)`;
  return sandbox.run({ ...it, script });
}

function leavesNothing(t: Test, { mounts, left, stderr }: Outcome): void {
  t.same(mounts, [], 'nothing mounted');
  t.same(left, [], 'no process left');
  t.notMatch(stderr, /^LEFT/m, 'no file left');
}

for (const user of [false, true]) {
  sandbox.test(t, user ? 'as a user' : 'as root', user, async (t) => {
    const outcome = await run({ user });
    t.equal(outcome.status, 0, 'exit status');
    t.equal(outcome.stderr, '');
    t.match(outcome.stdout, DONE);
    t.match(outcome.stdout, /\n {2}journal\.txt +- +109 B +appended to: moved, whole\n/);
    t.match(outcome.stdout, /event=migrated path=\/journal\.txt .* source=removed\n/);
    t.notOk(outcome.stdout.includes(ESCAPE), 'no colours: this is no terminal');
    t.notMatch(outcome.stdout, /FAILED/);
    const widest = Math.max(
      ...outcome.stdout.split('\n').map((line) => (line.includes('event=') ? 0 : line.length)),
    );
    t.ok(widest <= 100, `${widest} columns`);
    leavesNothing(t, outcome);
  });
}

// Also for those who run the tests as a user, where there are no namespaces to be had.
const missing = existsSync('/dev/fuse')
  ? process.getuid?.() === 0 || spawnSync(HELPER, ['-V']).status === 0
    ? undefined
    : 'no fusermount3 here'
  : 'no /dev/fuse here';
const skip = missing !== undefined && process.env.MIGRATEFS_REQUIRE_MOUNT !== '1' ? missing : false;

t.test('in a directory with a name that options must escape', { skip }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'migratefs, a:b\\c '));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const { PATH, HOME } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, 'demo'], {
    env: { PATH, HOME, TMPDIR: dir },
    encoding: 'utf8',
    timeout: 90_000,
  });
  t.equal(stderr, '');
  t.match(stdout, /\nAll \d+ checks hold\./);
  t.equal(status, 0);
  t.same(readdirSync(dir), []);
});

sandbox.test(t, 'colours on a terminal, unless NO_COLOR is set', false, async (t) => {
  const script = `
command -v script >/dev/null || { echo none; exit; }
export TERM=xterm; script -qec "$NODE $PROGRAM demo" /dev/null > plain; NO_COLOR=1 script -qec "$NODE $PROGRAM demo" /dev/null > bare
grep -c "$(printf '\\033')" plain; grep -c "$(printf '\\033')" bare; grep -c 'checks hold' plain bare`;
  const outcome = await run({ script });
  if (outcome.stdout === 'none\n') {
    t.pass('colours', { skip: 'no script(1) here' });
    return;
  }
  t.match(outcome.stdout, /^[1-9]\d*\n0\nplain:1\nbare:1\n$/);
  leavesNothing(t, outcome);
});

const START = '$NODE $PROGRAM demo > said & p=$!';
const ANSWERED = "stat $(sed -n 's/^[^ ]* \\([^ ]*\\) fuse.migratefs .*/\\1/p' /proc/self/mounts) >/dev/null";
/** Holds it while the mount that it has asked for comes about, and answers. */
const HOLD = `${START}; within 'pgrep -P $p >/dev/null'; kill -STOP $p; within '[ $(mounted) = 1 ]'; ${ANSWERED}; sleep 0.5`;
const GO_ON = 'kill -CONT $p; wait $p; s=$?; cat said; (exit $s)';

for (const [signal, status] of [
  ['INT', 130],
  ['TERM', 143],
  ['HUP', 129],
] as const) {
  sandbox.test(t, `ended by SIG${signal} while it mounts`, false, async (t) => {
    const script = `${START}; within '[ -s said ]'; kill -${signal} $p; wait $p`;
    const outcome = await run({ script });
    t.equal(outcome.status, status);
    t.match(outcome.stderr, new RegExp(`^migratefs: SIG${signal}: clearing up\n`, 'm'));
    leavesNothing(t, outcome);
  });
}

sandbox.test(t, 'ended by SIGINT at any moment', false, async (t) => {
  const delays = ['0', '0.05', '0.1', '0.2', '0.3', '0.4', '0.6'];
  const at = (delay: string) =>
    run({ script: `${START}; sleep ${delay}; kill -INT $p; kill -INT $p; wait $p` });
  for (const outcome of await Promise.all(delays.map(at))) {
    t.ok([0, 130].includes(outcome.status), `status ${outcome.status}`);
    leavesNothing(t, outcome);
  }
});

sandbox.test(t, 'the daemon is killed under it', false, async (t) => {
  const script = `${HOLD}; kill -9 $(daemons); ${GO_ON}`;
  const outcome = await run({ script });
  t.equal(outcome.status, 1);
  t.match(
    outcome.stdout,
    /\n {2}FAILED {2}mount .*\n.*\n.*expected {2}that it can be done\n.*found .*(?:ENOTCONN|ECONNABORTED)/,
  );
  t.match(outcome.stderr, /^migratefs: \d+ of \d+ checks do not hold\n$/);
  leavesNothing(t, outcome);
});

sandbox.test(t, 'what is not as it says is told, and is a failure', false, async (t) => {
  const script = `${HOLD}; echo other | tee tmp/migratefs-demo-*/old/letters/anna.txt > /dev/null; ${GO_ON}`;
  const outcome = await run({ script });
  t.equal(outcome.status, 1);
  const told =
    / {2}FAILED {2}read {5}letters\/anna\.txt\n {6}its content through the mount\n {8}expected {2}"Dear Anna.*"\n {8}found {5}"other\\n"\n/;
  t.match(outcome.stdout, told);
  t.match(outcome.stdout, /\n {2}ok {2}append {3}journal\.txt/, 'the rest is done');
  t.match(outcome.stderr, /^migratefs: 1 of \d+ checks do not hold\n$/);
  t.notMatch(outcome.stdout, /checks hold/);
  leavesNothing(t, outcome);
});

interface Refused extends Case {
  readonly name: string;
  readonly says: RegExp;
}

// biome-ignore format: a table
const REFUSED: Refused[] = [
  { name: 'no /dev/fuse', setup: 'umount /dev/fuse; mkdir dev; cp -a /dev/null dev; mount --bind dev /dev', says: /^migratefs: \/dev\/fuse is missing: .*modprobe fuse.*\n$/ },
  { name: 'a full disk', setup: 'mkdir tmp; mount -t tmpfs -o nr_inodes=4 t tmp', says: /^migratefs: .*no space left.*\n$/i },
  { name: 'no place', script: 'TMPDIR=/none migratefs demo', says: /^migratefs: cannot make a directory for the demo: .*TMPDIR\n$/ },
  { name: 'no fusermount3', user: true, setup: 'touch plain; chmod 644 plain; mount --bind plain $(readlink -f $(command -v fusermount3))', says: /^migratefs: fusermount3 is not installed.*install the package fuse3\n$/ },
  { name: 'a device that the user may not open', user: true, setup: 'chmod 600 /dev/fuse', says: /^migratefs: \/dev\/fuse may not be opened: .*0666.*\n$/ },
];

for (const { name, says, ...it } of REFUSED) {
  sandbox.test(t, `cannot: ${name}`, it.user === true, async (t) => {
    const outcome = await run(it);
    t.equal(outcome.status, 1);
    t.match(outcome.stderr, says, 'one line that names the mend');
    leavesNothing(t, outcome);
  });
}
