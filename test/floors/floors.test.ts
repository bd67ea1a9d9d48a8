// The rules of the house that no other tool checks: which folder may import which, how long a file may be, and what
// the lock file may say.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { importsOf, readSource, type SourceFile, walk } from './imports.ts';

/** From the ground up: a folder imports from those before it and from itself. */
const floors = [
  'protocol',
  'src/sys',
  'src/log',
  'src/journal',
  'src/inodes',
  'src/layers',
  'src/ops',
  'src/session',
  'src/mount',
  'src/cli',
];

/** The only folder that may name a package. */
const packages = new Map([
  ['buffer-layout', 'protocol'],
  ['koffi', 'src/sys'],
  ['commander', 'src/cli'],
]);

const longest = 300;
const isText = (name: string) => /\.(ts|js|json|md|ya?ml|sh)$|^\.ci\//.test(name);
const root = fileURLToPath(new URL('../..', import.meta.url));
const sources = ['protocol', 'src', 'bin']
  .flatMap((folder) => walk(root, folder, (name) => /\.[jt]s$/.test(name)))
  .map((name) => readSource(root, name));
const program = sources.filter(({ name }) => !name.startsWith('bin/'));

const floorOf = (file: string) => floors.findIndex((floor) => file.startsWith(`${floor}/`));

/** What is wrong with the import lines of one file. */
function faults({ name, imports }: SourceFile): string[] {
  const here = floorOf(name);
  if (here < 0) return [`${name} stands on no floor`];
  return imports.flatMap(({ specifier, file }) => {
    if (file === undefined) {
      const only = packages.get(specifier);
      if (specifier.startsWith('node:') ? here > 0 : only === floors[here]) return [];
      return [`${name} must not import ${specifier}`];
    }
    const there = floorOf(file);
    if (there < 0) return [`${name} imports ${file}, which stands on no floor`];
    return there > here ? [`${name} imports upward: ${file}`] : [];
  });
}

/** The first cycle of loaded imports that is found, as a path of files; empty if there is none. */
function cycle(files: SourceFile[]): string[] {
  const byName = new Map(files.map((file) => [file.name, file]));
  const done = new Set<string>();
  const visit = (name: string, way: string[]): string[] => {
    if (way.includes(name)) return [...way.slice(way.indexOf(name)), name];
    if (done.has(name)) return [];
    done.add(name);
    for (const { file, typeOnly } of byName.get(name)?.imports ?? []) {
      const found = file === undefined || typeOnly ? [] : visit(file, [...way, name]);
      if (found.length > 0) return found;
    }
    return [];
  };
  for (const { name } of files) {
    const found = visit(name, []);
    if (found.length > 0) return found;
  }
  return [];
}

/** Whether a package that lies in `folder` finds `name` in its own node_modules or in one above. */
function findUpward(folder: string, name: string, packages: object): boolean {
  if (path.posix.join(folder, 'node_modules', name) in packages) return true;
  return folder !== '' && findUpward(folder.slice(0, Math.max(0, folder.lastIndexOf('/'))), name, packages);
}

const file = (name: string, text: string): SourceFile => ({ name, lines: 1, imports: importsOf(name, text) });

t.test('the checks see what they look for', async (t) => {
  t.same(faults(file('src/sys/a.ts', "import { b } from '../ops/b.ts';")), [
    'src/sys/a.ts imports upward: src/ops/b.ts',
  ]);
  t.same(faults(file('src/ops/a.ts', "import type { B } from '../session/b.ts';\nimport './c.ts';")), [
    'src/ops/a.ts imports upward: src/session/b.ts',
  ]);
  t.same(faults(file('protocol/a.ts', "import fs from 'node:fs';")), [
    'protocol/a.ts must not import node:fs',
  ]);
  t.same(faults(file('src/ops/a.ts', "export {\n  load,\n} from 'koffi';")), [
    'src/ops/a.ts must not import koffi',
  ]);
  t.same(faults(file('src/cli/a.ts', "await import('../../test/b.ts')")), [
    'src/cli/a.ts imports test/b.ts, which stands on no floor',
  ]);
  t.same(faults(file('src/a.ts', '')), ['src/a.ts stands on no floor']);
  t.same(
    faults(file('src/cli/a.ts', "import path from 'node:path';\nimport { Command } from 'commander';")),
    [],
  );
  const a = file('src/ops/a.ts', "import { b } from './b.ts';");
  const b = (text: string) => file('src/ops/b.ts', text);
  t.same(cycle([a, b("export * from './a.ts';")]), ['src/ops/a.ts', 'src/ops/b.ts', 'src/ops/a.ts']);
  t.same(cycle([a, b("import type { A } from './a.ts';")]), []);
});

t.test('imports go downward, and packages stay in their folder', async (t) => {
  t.ok(program.length > 0);
  t.same(program.flatMap(faults), []);
});

t.test('no file loads itself in a circle', async (t) => t.same(cycle(program), []));

t.test(`no file is longer than ${longest} lines`, async (t) => {
  const long = sources
    .filter(({ lines }) => lines > longest)
    .map(({ name, lines }) => `${name}: ${lines} lines`);
  t.same(long, []);
});

t.test('the lock file names every package of every machine', async (t) => {
  interface Locked {
    dependencies?: Record<string, string>;
    optionalDependencies?: Record<string, string>;
  }
  const lock = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8'));
  const packages: Record<string, Locked> = lock.packages;
  const missing = Object.entries(packages).flatMap(([folder, { dependencies, optionalDependencies }]) =>
    Object.keys({ ...dependencies, ...optionalDependencies })
      .filter((name) => !findUpward(folder, name, packages))
      .map((name) => `${name} of ${folder}`),
  );
  t.same(missing, []);
});

t.test('nothing says where packages are downloaded from', async (t) => {
  const lock = readFileSync(path.join(root, 'package-lock.json'), 'utf8');
  t.notMatch(lock, /"resolved"/);
  const host = new RegExp(['registry\\.[a-z]', '[^/]_authToken', '^registry *='].join('|'), 'm');
  const away = new Set(['.git', '.tap', 'dist', 'node_modules']);
  const texts = readdirSync(root, { withFileTypes: true })
    .filter(({ name }) => !away.has(name))
    .flatMap((entry) => (entry.isDirectory() ? walk(root, entry.name, isText) : entry.name))
    .filter((name) => !name.startsWith('test/floors/'));
  t.same(
    texts.filter((name) => host.test(readFileSync(path.join(root, name), 'utf8'))),
    [],
  );
});
