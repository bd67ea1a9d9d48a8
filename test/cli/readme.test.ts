// What the README says of options, packages and commands is what the code says: the table of options word for word.
import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { parseOptions } from '../../src/mount/index.ts';
import { type Group, OPTIONS, type OptionRow } from '../../src/mount/options-table.ts';

const readme = read('README.md');

function read(name: string): string {
  return readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');
}

function between(start: string, end: string, text = readme): string {
  const from = text.indexOf(start) + start.length;
  const to = text.indexOf(end, from);
  if (from < start.length || to < 0) throw new Error(`no ${start} … ${end}`);
  return text.slice(from, to).trim();
}

const TITLES: Record<Group, string> = {
  layers: 'Layers (needed)',
  behaviour: 'Behaviour',
  daemon: 'Daemon',
  mount: 'Mount',
};

function spell(row: OptionRow): string {
  switch (row.kind) {
    case 'text':
    case 'list':
    case 'kernel':
      return `${row.name}=${row.value}`;
    case 'choice':
      return `${row.name}=${row.choices.filter((choice) => !row.unavailable?.[choice]).join('\\|')}`;
    case 'number':
      return `${row.name}=N`;
    case 'size':
      return `${row.name}=SIZE`;
    default:
      return row.name;
  }
}

/** Neighbours that do the same share a line. */
function table(group: Group): string {
  const lines: { names: string; initial: string; help: string }[] = [];
  for (const row of OPTIONS.filter((row) => row.group === group && row.kind !== 'refused')) {
    const name = `\`${spell(row)}\``;
    const last = lines.at(-1);
    const initial =
      'initial' in row && !(row.kind === 'choice' && row.choices.length === 1) ? row.initial : '';
    if (last?.help === row.help) last.names += `, ${name}`;
    else lines.push({ names: name, initial, help: row.help.replaceAll('\\', '\\\\') });
  }
  const rows = lines.map(({ names, initial, help }) => `| ${names} | ${initial} | ${help} |`);
  return [`| ${TITLES[group]} | Default | |`, '|---|---|---|', ...rows].join('\n');
}

t.test('the table of options', async (t) => {
  const groups = Object.keys(TITLES) as Group[];
  t.equal(between('<!-- options -->', '<!-- /options -->'), groups.map(table).join('\n\n'));
});

t.test('every option string in an example is one that can be given', async (t) => {
  const strings = [...readme.matchAll(/\blowerdir=[^\s`]+/g)].map(([text]) => text);
  const real = strings.filter(
    (text) => text.includes('upperdir=') && !text.includes('[') && !text.includes('…'),
  );
  t.ok(real.length >= 4, `${real.length} examples`);
  for (const text of real) t.doesNotThrow(() => parseOptions([text]), text);
});

t.test('the packages of Debian are those that CI installs', async (t) => {
  const wanted = [...read('.ci/run').matchAll(/for package in ([^;]*);/g)].map(([, list = '']) =>
    words(list),
  );
  const said = [readme, read('docs/testing.md')].map((text) =>
    words(/apt install ([^`]*)```/.exec(between('<!-- packages -->', '<!-- /packages -->', text))?.[1] ?? ''),
  );
  t.same(said, wanted, 'for npm test, and for the long tests');
});

/** The words of a shell's list, sorted. */
const words = (list: string): string[] =>
  list
    .split(/[\s\\]+/)
    .filter((word) => word !== '')
    .sort();

t.test('the events of the log, and their levels', async (t) => {
  const docs = readFileSync(new URL('../../docs/log.md', import.meta.url), 'utf8');
  const said = new Map<string, string>();
  for (const [, names = '', level = ''] of docs.matchAll(/^\| (`[^|]+) \| (\w+) \|/gm)) {
    for (const [, name = ''] of names.matchAll(/`([\w-]+)`/g)) said.set(name, level);
  }
  const src = new URL('../../src/', import.meta.url);
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  const code = files.map((name) => readFileSync(new URL(name, src), 'utf8')).join('\n');
  const written = new Map<string, string>();
  for (const [, level = '', name = ''] of code.matchAll(/[lL]og\)?\.(error|warn|info)\(\s*'(\w+)'/g))
    written.set(name, level);
  t.ok(written.size > 40);
  for (const [name, level] of written) t.equal(said.get(name), level, name);
  for (const name of said.keys()) t.ok(code.includes(`'${name}'`), `${name} exists`);
});

t.test('links of the documents lead somewhere', async (t) => {
  const headings = (text: string) =>
    [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
      title
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    );
  const documents = [
    'README.md',
    ...readdirSync(new URL('../../docs', import.meta.url)).map((name) => `docs/${name}`),
  ];
  for (const name of documents.filter((each) => each.endsWith('.md'))) {
    for (const [, target = ''] of read(name).matchAll(/\]\(((?!https?:)[^)\s]+)\)/g)) {
      const [file = '', heading] = target.split('#');
      const path = file === '' ? name : new URL(file, `file:///${name}`).pathname.slice(1);
      t.doesNotThrow(() => read(path), `${name}: ${target}`);
      if (heading !== undefined) t.ok(headings(read(path)).includes(heading), `${name}: ${target}`);
    }
  }
});
