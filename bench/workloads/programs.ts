// Real programs at work on trees that begin on the lower layer.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { layMerged, spread } from '../lay.ts';
import type { Tools } from '../tools.ts';
import type { Family } from '../workload.ts';
import { makeSources } from './sources.ts';

const SOURCES = 20_000;
const PACKAGES = 400;
const FILES_OF_PACKAGE = 20;
const INSERTS = 2_000;

/** Makes something in the scratch directory once, for all peers. @returns where it is */
async function once(tools: Tools, name: string, make: (path: string) => Promise<unknown>): Promise<string> {
  const path = `${tools.scratch}/${name}`;
  if (!existsSync(path)) {
    mkdirSync(path);
    await make(path);
  }
  return path;
}

const sources = (tools: Tools) =>
  once(tools, 'sources', async (path) => makeSources(path, tools.scaled(SOURCES, 7 * 41)));

const archive = (tools: Tools) =>
  once(tools, 'archive', async (path) =>
    tools.run('tar', ['-cf', `${path}/sources.tar`, '-C', tools.scratch, basename(await sources(tools))]),
  );

const repository = (tools: Tools) =>
  once(tools, 'repository', async (path) => {
    const git = (...args: string[]) => tools.run('git', ['-c', 'gc.auto=0', ...args], { cwd: path });
    await tools.run('cp', ['-a', `${await sources(tools)}/.`, path]);
    await git('init', '-q');
    await git('add', '.');
    await git('-c', 'user.name=bench', '-c', 'user.email=bench@localhost', 'commit', '-q', '-m', 'all');
  });

/** A project whose dependencies lie beside it, so that installing them asks nobody. */
const project = (tools: Tools) =>
  once(tools, 'project', async (path) => {
    const dependencies: Record<string, string> = {};
    const packages: Record<string, object> = {};
    mkdirSync(`${path}/packages`);
    for (let i = 0; i < tools.scaled(PACKAGES); i++) {
      const name = `package-${i}`;
      const folder = `${tools.scratch}/packing/package`;
      makeSources(folder, FILES_OF_PACKAGE);
      writeFileSync(`${folder}/package.json`, JSON.stringify({ name, version: '1.0.0' }));
      const file = `packages/${name}.tgz`;
      await tools.run('tar', ['-czf', `${path}/${file}`, '-C', `${tools.scratch}/packing`, 'package']);
      const integrity = `sha512-${createHash('sha512')
        .update(readFileSync(`${path}/${file}`))
        .digest('base64')}`;
      dependencies[name] = `file:${file}`;
      packages[`node_modules/${name}`] = { version: '1.0.0', resolved: `file:${file}`, integrity };
    }
    const root = { name: 'bench', version: '1.0.0' };
    const lock = {
      ...root,
      lockfileVersion: 3,
      requires: true,
      packages: { '': { ...root, dependencies }, ...packages },
    };
    writeFileSync(`${path}/package.json`, JSON.stringify({ ...root, dependencies }));
    writeFileSync(`${path}/package-lock.json`, JSON.stringify(lock));
  });

const CI = ['ci', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];

export const programs: Family = {
  name: 'programs',
  title: 'Programs',
  workloads: [
    {
      name: 'git-status',
      title: 'git status of a repository on the lower layer',
      unit: 's',
      needs: ['git'],
      variants: ['migratefs-exclusive'],
      prepare: async (bed) => {
        await bed.tools.run('cp', ['-a', await repository(bed.tools), `${bed.lower}/repository`]);
      },
      run: (bed) =>
        bed.tools.time('git', ['-c', 'safe.directory=*', 'status', '--porcelain'], {
          cwd: `${bed.tree}/repository`,
        }),
    },
    {
      name: 'untar',
      title: 'tar -x of a source tree',
      unit: 's',
      needs: ['tar'],
      lay: async (bed, name) => {
        await archive(bed.tools);
        mkdirSync(`${bed.lower}/${name}`);
      },
      run: (bed, name) =>
        bed.tools.time('tar', [
          '-xf',
          `${bed.tools.scratch}/archive/sources.tar`,
          '-C',
          `${bed.tree}/${name}`,
        ]),
    },
    {
      name: 'npm-ci',
      title: 'npm ci',
      unit: 's',
      needs: ['npm'],
      lay: async (bed, name) => {
        await bed.tools.run('cp', ['-a', await project(bed.tools), `${bed.lower}/${name}`]);
      },
      run: (bed, name) =>
        bed.tools.time('npm', [...CI, '--cache', `${bed.tools.scratch}/npm`], {
          cwd: `${bed.tree}/${name}`,
        }),
    },
    {
      name: 'rm-rf',
      title: 'rm -rf of a tree on both layers',
      unit: 's',
      needs: ['rm'],
      variants: ['migratefs-exclusive'],
      lay: (bed, name) => layMerged(bed, name, spread(bed.tools.scaled(SOURCES))),
      run: (bed, name) => bed.tools.time('rm', ['-rf', `${bed.tree}/${name}`]),
    },
    {
      name: 'sqlite',
      title: 'sqlite3, inserts that are synced one by one',
      unit: 'ops/s',
      needs: ['sqlite3'],
      lay: async (bed, name) => void mkdirSync(`${bed.upper}/${name}`),
      run: async (bed, name) => {
        const inserts = bed.tools.scaled(INSERTS, 20);
        const input = `PRAGMA synchronous=FULL; CREATE TABLE t (a, b);\n${"INSERT INTO t VALUES (1, 'text');\n".repeat(inserts)}`;
        return inserts / (await bed.tools.time('sqlite3', [`${bed.tree}/${name}/data.db`], { input }));
      },
    },
  ],
};
