// Runs the built command in namespaces of its own: mounts and processes that it leaves behind are seen, and end with them.
// The working directory holds `old`, `new`, `mnt` and whatever the case makes; they belong to the user who runs the command.
import { spawn, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';

/** What a user is here: nobody's number, of no group. */
const USER = 65534;
const NAMESPACES: string = 'unshare';

const program = fileURLToPath(new URL('../../bin/migratefs.js', import.meta.url));
const built = fileURLToPath(new URL('../../dist/program/main.js', import.meta.url));

export interface Case {
  /** Shell lines before the command, as root. */
  readonly setup?: string;
  /** Shell lines that are the test, with the functions of the prelude. Default: one call of the command with `args`. */
  readonly script?: string;
  readonly args?: readonly string[];
  readonly user?: boolean;
}

export interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Lines of /proc/self/mounts of our type at the end. */
  readonly mounts: string[];
  /** Names of the processes left at the end. */
  readonly left: string[];
}

// Process 1 of the namespace reaps what is left to it, and with its end all others end. `migratefs` and `as_user` are for
// the lines of a case. The device gets the mode that udev gives it, which some containers' has not. Others' FUSE mounts are let
// go: held here they would outlive their own tests.
// What tap puts into the environment of every child (it counts their coverage) is not for the command.
const PRELUDE = `
unset NODE_OPTIONS $(env | sed -n 's/^\\(_\\?TAP[A-Z_]*\\)=.*/\\1/p')
mount -t tmpfs tmpfs /mnt && mknod -m 666 /mnt/fuse c 10 229 && touch /mnt/free && mount --bind /mnt/fuse /dev/fuse
umount -l /mnt; mount --bind log /var/log
while read -r _ point type _; do case $type in fuse.*) umount -l "$(printf "$point")";; esac; done < /proc/self/mounts
as_user() { setpriv --reuid=${USER} --regid=${USER} --clear-groups "$@"; }
migratefs() { $AS "$NODE" "$PROGRAM" "$@"; }
daemons() { for p in /proc/[0-9]*; do
  [ "$(cat $p/comm 2>/dev/null)" = migratefs ] && ! grep -q '^State:.Z' $p/status 2>/dev/null && echo \${p#/proc/}; done; }
mounted() { grep -c ' fuse.migratefs ' /proc/self/mounts; }
within() { n=0; until eval "$1"; do n=$((n+1)); [ $n -gt 600 ] && echo "never: $1" && return 1; sleep 0.05; done; }
`;

// Those that end anyway get their time.
const EPILOGUE = `
{ grep ' fuse.migratefs ' /proc/self/mounts > result/mounts
n=0; while n=$((n+1)); for p in /proc/[0-9]*; do
  case $p in /proc/1|/proc/$$) continue;; esac
  grep -q '^State:.Z' $p/status && continue; cat $p/comm; done > result/left; [ -s result/left ] && [ $n -lt 40 ]
do sleep 0.05; done; } 2>/dev/null
exit $status
`;

export class Sandbox {
  /** Why cases cannot run here; cases of a user may be impossible alone. */
  readonly missing = missing();
  readonly userMissing = this.missing ?? userMissing();

  /** A subtest, or a skipped one with its reason; a failure where mounting is required, unless root alone could run it. */
  test(t: Test, name: string, user: boolean, body: (t: Test) => Promise<void>): Promise<unknown> {
    const reason = user ? this.userMissing : this.missing;
    if (reason === undefined) return t.test(name, body);
    if (isRoot && process.env.MIGRATEFS_REQUIRE_MOUNT === '1') {
      return t.test(name, async () => {
        throw new Error(`${reason}, and MIGRATEFS_REQUIRE_MOUNT=1`);
      });
    }
    return t.test(name, { skip: reason }, async () => {});
  }

  /** Ends when all that the case has started has ended or was ended. */
  run(it: Case): Promise<Outcome> {
    const dir = mkdtempSync(join(tmpdir(), 'migratefs-cli-'));
    for (const name of ['', 'old', 'new', 'mnt', 'result', 'log']) {
      mkdirSync(join(dir, name), { recursive: true });
      if (it.user && name !== 'result') chownSync(join(dir, name), USER, USER);
    }
    const script = `${PRELUDE}${it.setup ?? ''}\n${it.script ?? 'migratefs "$@"'}\nstatus=$?\n${EPILOGUE}`;
    const child = spawn(
      NAMESPACES,
      [
        '-m',
        '-p',
        '-f',
        '--mount-proc',
        '--kill-child',
        '--propagation',
        'private',
        'sh',
        '-c',
        script,
        'case',
        ...(it.args ?? []),
      ],
      {
        cwd: dir,
        timeout: 60_000,
        killSignal: 'SIGKILL', // and --kill-child then ends all in there
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {
          PATH: process.env.PATH,
          HOME: join(dir, 'log'),
          NODE: process.execPath,
          PROGRAM: program,
          AS: it.user ? `setpriv --reuid=${USER} --regid=${USER} --clear-groups` : '',
        },
      },
    );
    return new Promise((done, fail) => {
      let [stdout, stderr] = ['', ''];
      child.stdout.on('data', (text) => {
        stdout += text;
      });
      child.stderr.on('data', (text) => {
        stderr += text;
      });
      child.once('error', fail);
      child.once('close', (status) => {
        const lines = (name: string) => {
          const file = join(dir, 'result', name);
          return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : ['(no result)'];
        };
        const outcome = {
          status: status ?? -1,
          stdout,
          stderr,
          mounts: lines('mounts'),
          left: lines('left'),
        };
        rmSync(dir, { recursive: true, force: true });
        done(outcome);
      });
    });
  }
}

const isRoot = process.getuid?.() === 0;

function missing(): string | undefined {
  if (!isRoot) return 'namespaces of their own need root';
  if (!existsSync('/dev/fuse')) return 'no /dev/fuse here';
  const fault = faultOf(NAMESPACES, '-m', '-p', '-f', '--mount-proc', 'true');
  if (fault !== undefined) return `no namespaces here: ${fault}`;
  if (!existsSync(built)) throw new Error('not built: npm run build');
  return undefined;
}

function userMissing(): string | undefined {
  if (faultOf('fusermount3', '-V') !== undefined) return 'no fusermount3 here';
  const ids = [`--reuid=${USER}`, `--regid=${USER}`, '--clear-groups'];
  const fault = faultOf('setpriv', ...ids, process.execPath, '-e', '0');
  return fault === undefined ? undefined : `another user cannot run node here: ${fault}`;
}

function faultOf(command: string, ...args: string[]): string | undefined {
  const { status, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    env: { PATH: process.env.PATH },
  });
  return status === 0 ? undefined : (error?.message ?? stderr.trim());
}
