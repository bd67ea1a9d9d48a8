// `npm ci` of this project inside a mount, and the project's own program run from there.

import { readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { mountTest, run, sh, treeDigest, whereIs } from './support.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const FILES = 'package.json package-lock.json bin dist';
const CI = ['ci', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'];

await mountTest(
  t,
  'npm ci',
  {
    timeout: 200_000,
    prepare: ({ lower: [a = ''] }) => void sh(`cp -a ${FILES} "$1"`, { cwd: root, args: [a] }),
  },
  (t, m) => {
    const done = run('npm', CI, { cwd: m.mnt, timeout: 150_000 });
    const said = `${done.stderr}`.slice(-500);
    if (/ENOTCACHED|ENOTFOUND|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN|ENETUNREACH/.test(said)) {
      t.pass('npm ci', { skip: `no registry here: ${said.replaceAll('\n', ' ').slice(0, 200)}` });
      return;
    }
    t.equal(done.status, 0, said);
    const ours = run('npm', ['ls', '--all', '--parseable'], { cwd: m.mnt });
    t.equal(ours.status, 0, `${ours.stderr}`);
    t.ok(`${ours.stdout}`.trim().split('\n').length > 100);
    t.equal(whereIs(m, 'node_modules'), 'upper');
    const { version } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'));
    t.match(
      sh('node bin/migratefs.js --version', { cwd: m.mnt }),
      version,
      'it runs, with its native library',
    );
    t.ok(statSync(`${m.mnt}/node_modules/.bin/tsc`).isFile());
    t.same(
      treeDigest(`${m.mnt}/node_modules/commander`, { times: false }),
      treeDigest(`${m.upper}/node_modules/commander`, { times: false }),
    );
  },
);
