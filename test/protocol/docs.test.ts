// The example of docs/protocol.md runs as it stands, as another program would run it, and prints what the page says.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const root = fileURLToPath(new URL('../..', import.meta.url));

t.test('the example of docs/protocol.md', async (t) => {
  if (!existsSync(`${root}/dist/protocol/index.js`)) throw new Error('not built: npm run build');
  const page = readFileSync(`${root}/docs/protocol.md`, 'utf8');
  const [, example = '', printed = ''] =
    /## An example\n[\s\S]*?```js\n([\s\S]*?)```\n\nIt prints\n\n```\n([\s\S]*?)```/.exec(page) ?? [];
  t.ok(example.length > 500, 'there is one');
  // From standard input a module resolves names as a file in the working directory would: the package by its own name.
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module'], {
    cwd: root,
    env: { PATH: process.env.PATH },
    input: example,
    encoding: 'utf8',
  });
  t.equal(stderr, '');
  t.equal(stdout, printed);
  t.equal(status, 0);
});

t.test('what docs/protocol.md names is exported', async (t) => {
  const exported = await import('../../protocol/index.ts');
  const page = readFileSync(`${root}/docs/protocol.md`, 'utf8');
  const table = page.slice(page.indexOf('## What is where'), page.indexOf('## 64-bit values'));
  const names = [...table.matchAll(/`([A-Za-z_]+)`/g)].flatMap(([, name = '']) => name);
  const fields = new Set(['size', 'offsets', 'decode', 'encode']);
  const wanted = names.filter((name) => !fields.has(name));
  t.ok(wanted.length > 15);
  for (const name of wanted) t.ok(name in exported, name);
});
