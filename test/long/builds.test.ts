// Source packages of Debian, configured, built and tested in a source tree of the old storage. Where a test of theirs fails on
// the mount, all is done again on a plain directory, and the same must fail there.

import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import t from 'tap';
import { type Backing, mountTest, run, sh, whereIs } from '../mounted/support.ts';
import { assertHealthy, limit } from './support.ts';

interface Source {
  name: string;
  /** Configures and builds. */
  build: string;
  /** Runs its tests; their results are the lines that match `result`. */
  check: string;
  result: RegExp;
  backing: Backing;
  threads: number;
}

const AUTOTOOLS = './configure -q --disable-dependency-tracking >log 2>&1; make -s -j2 >>log 2>&1';

const SOURCES: Source[] = [
  {
    name: 'zlib',
    build: './configure >log; make -s -j4 >>log 2>&1',
    check: 'make -s test',
    result: /\*\*\* (.* test .*) \*\*\*/,
    backing: 'xfs',
    threads: 1,
  },
  {
    name: 'gzip',
    build: AUTOTOOLS,
    check: 'make -s -k check -j2',
    result: /^((?:PASS|FAIL|SKIP|XFAIL|XPASS|ERROR): .*)/,
    backing: 'ext4',
    threads: 8,
  },
];

const fetched = mkdtempSync(`${tmpdir()}/migratefs-sources-`);
t.teardown(() => rmSync(fetched, { recursive: true }));

/** Fetches the sources that Debian has. @returns why that cannot be done here, or undefined */
function fetch(): string | undefined {
  if (run('bash', ['-c', 'command -v apt-get']).status !== 0) return 'no apt-get here';
  const lists = `${fetched}/lists`;
  mkdirSync(`${lists}/partial`, { recursive: true });
  const options = [
    '-qq',
    '-o',
    `Dir::Etc::sourcelist=${fetched}/sources.list`,
    '-o',
    'Dir::Etc::sourceparts=-',
  ];
  options.push(
    '-o',
    `Dir::State::lists=${lists}`,
    '-o',
    'APT::Sandbox::User=root',
    '-o',
    'Acquire::Retries=1',
  );
  sh('. /etc/os-release; echo "deb-src http://deb.debian.org/debian $VERSION_CODENAME main" >sources.list', {
    cwd: fetched,
  });
  for (const args of [['update'], ['source', '--download-only', ...SOURCES.map(({ name }) => name)]]) {
    const done = run('timeout', ['120', 'apt-get', ...options, ...args], { cwd: fetched, timeout: 130_000 });
    if (done.status !== 0) return `no source packages here: ${done.stderr.toString().split('\n')[0]}`;
  }
  return undefined;
}

const UNPACK = 'mkdir -p "$1"; tar -xf "$2" -C "$1" --strip-components=1';

/** Builds and tests. @returns the results of the package's own tests, sorted */
function buildAndTest(dir: string, { build, check, result }: Source): { all: string[]; bad: string[] } {
  sh(`set -e; ${build}`, { cwd: dir, timeout: limit(400_000) });
  const done = run('bash', ['-c', `${check} 2>&1`], { cwd: dir, timeout: limit(400_000) });
  const lines = done.stdout.toString('latin1').split('\n');
  const all = lines.map((line) => result.exec(line)?.[1] ?? '').filter((line) => line !== '');
  return {
    all: all.sort(),
    bad: all.filter((line) => /^(?:FAIL|XPASS|ERROR)|FAILED/.test(line)),
  };
}

const missing = fetch();
if (missing !== undefined) t.pass('sources', { skip: missing });

for (const source of missing === undefined ? SOURCES : []) {
  const { name, backing, threads } = source;
  const archive = readdirSync(fetched).find(
    (file) => file.startsWith(`${name}_`) && /\.orig\.tar\.\w+$/.test(file),
  );
  await mountTest(
    t,
    `${name}: configure, make, its own tests, on ${backing}, ${threads} workers`,
    {
      backing,
      size: '2G',
      options: `threads=${threads}`,
      needs: ['gcc', 'make', 'xz', 'bzip2'],
      timeout: limit(900_000),
      prepare: ({ lower: [a = ''] }) => void sh(UNPACK, { args: [`${a}/source`, `${fetched}/${archive}`] }),
    },
    (t, m) => {
      const { all, bad } = buildAndTest(`${m.mnt}/source`, source);
      t.ok(all.length > 0, `${all.length} tests of its own`);
      if (bad.length > 0) {
        const plain = `${m.upper}/plain`;
        sh(UNPACK, { args: [plain, `${fetched}/${archive}`] });
        t.same(bad, buildAndTest(plain, source).bad, 'the same fail on a plain directory');
      }
      t.match(
        run('make', ['-n'], { cwd: `${m.mnt}/source` }).stdout.toString(),
        /^(?!.*gcc)/s,
        'times tell what is newer',
      );
      t.equal(whereIs(m, 'source/configure'), 'lower', 'what was only read has stayed');
      assertHealthy(t, m);
    },
  );
}
