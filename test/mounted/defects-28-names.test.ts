// Defect 28: `..` was missing from the root's listing, and temporaries were seen by users.

import { spawn } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { errnoOf, pathsIn, truncatePath } from './defects-support.ts';
import { cleanEnv, mountTest, sh, treeDigest } from './support.ts';

/** Inode number and name of every entry, in the order of the listing. */
function listed(dir: string): [inode: string, name: string][] {
  const lines = sh('ls -1aiU "$1"', { args: [dir] }).split('\n');
  return lines.map((line) => line.trim().split(' ') as [string, string]);
}

const inode = (path: string): string => statSync(path, { bigint: true }).ino.toString();

await mountTest(
  t,
  '28: every directory lists . and .. once, with their numbers',
  {
    prepare: ({ lower: [lower], upper }) => {
      for (const layer of [lower as string, upper]) mkdirSync(`${layer}/merged/sub`, { recursive: true });
      mkdirSync(`${lower}/old/sub`, { recursive: true });
      mkdirSync(`${upper}/new/sub`, { recursive: true });
      mkdirSync(`${lower}/merged/old`);
    },
  },
  async (t, m) => {
    for (const round of ['first', 'second', 'after a remount']) {
      if (round === 'after a remount') await m.remount();
      for (const dir of [
        '',
        '/merged',
        '/old',
        '/new',
        '/merged/sub',
        '/merged/old',
        '/old/sub',
        '/new/sub',
      ]) {
        const entries = listed(`${m.mnt}${dir}`);
        const dots = entries.filter(([, name]) => /^\.+$/.test(name));
        t.same(dots.map(([, name]) => name).sort(), ['.', '..'], `${round}: ${dir || 'the root'}`);
        for (const [number, name] of entries) {
          if (dir === '' && name === '..') continue; // the mount point's parent is not in the mount
          t.equal(number, inode(`${m.mnt}${dir}/${name}`), `number of ${dir}/${name}`);
        }
      }
    }
    t.same(readdirSync(m.mnt).sort(), ['merged', 'new', 'old']);
  },
);

const NAME = '.migratefs';

await mountTest(
  t,
  '28: our own directory is neither seen nor named',
  {
    root: true,
    prepare: ({ lower: [lower], upper }) => {
      for (const layer of [lower as string, upper]) {
        mkdirSync(`${layer}/${NAME}/work`, { recursive: true, mode: 0o700 });
        writeFileSync(`${layer}/${NAME}/work/kept`, 'ours');
        mkdirSync(`${layer}/dir/${NAME}`, { recursive: true });
      }
      for (const name of ['f', 'g']) writeFileSync(`${lower}/${name}`, 'old');
    },
  },
  async (t, m) => {
    const [reserved, file] = [`${m.mnt}/${NAME}`, `${m.mnt}/f`];
    const digests = () => [m.lower[0] as string, m.upper].map((layer) => treeDigest(`${layer}/${NAME}`));
    const before = digests();
    const missing: Record<string, () => unknown> = {
      lstat: () => lstatSync(reserved),
      'stat below': () => statSync(`${reserved}/work/kept`),
      list: () => readdirSync(reserved),
      read: () => readFileSync(`${reserved}/work/kept`),
      'open for writing': () => openSync(reserved, 'r+'),
      unlink: () => unlinkSync(reserved),
      rmdir: () => rmdirSync(reserved),
      'rename away': () => renameSync(reserved, `${m.mnt}/away`),
      'link from': () => linkSync(reserved, `${m.mnt}/away`),
      readlink: () => readlinkSync(reserved),
      chmod: () => chmodSync(reserved, 0o777),
      truncate: () => truncatePath(reserved, 0),
      'create below': () => writeFileSync(`${reserved}/work/new`, ''),
      'rename into': () => renameSync(file, `${reserved}/work/f`),
    };
    const refused: Record<string, () => unknown> = {
      create: () => writeFileSync(reserved, ''),
      'create exclusively': () => openSync(reserved, 'wx'),
      mkdir: () => mkdirSync(reserved),
      'rename to': () => renameSync(file, reserved),
      'rename a directory to': () => renameSync(`${m.mnt}/dir`, reserved),
      'link to': () => linkSync(file, reserved),
      symlink: () => symlinkSync('f', reserved),
    };
    for (const round of ['with it there', 'once more']) {
      for (const [name, act] of Object.entries(missing)) t.equal(errnoOf(act), 'ENOENT', `${name}, ${round}`);
      for (const [name, act] of Object.entries(refused)) t.equal(errnoOf(act), 'EPERM', `${name}, ${round}`);
      t.same(readdirSync(m.mnt).sort(), ['dir', 'f', 'g']);
      t.notMatch(
        sh('find "$1"; ls -laR "$1"', { args: [m.mnt] }).replaceAll(/dir\/\.migratefs.*/g, ''),
        /work|kept/,
      );
      t.same(digests(), before, 'it is as it was');
    }
    t.not(
      errnoOf(() => sh('mkfifo "$1"', { args: [reserved] })),
      'ok',
    );
    // In any other directory it is a name like others.
    t.ok(statSync(`${m.mnt}/dir/${NAME}`).isDirectory());
    renameSync(`${m.mnt}/f`, `${m.mnt}/dir/${NAME}/f`);
    mkdirSync(`${m.mnt}/dir/x/${NAME}`, { recursive: true });
    t.same(readdirSync(`${m.mnt}/dir`, { recursive: true }).sort(), [NAME, `${NAME}/f`, 'x', `x/${NAME}`]);

    // Without one in the layers, the name is no freer.
    await m.unmount();
    for (const layer of [m.lower[0] as string, m.upper]) sh('rm -r "$1/.migratefs"', { args: [layer] });
    await m.remount();
    for (const [name, act] of Object.entries(refused)) {
      if (name !== 'rename to' && name !== 'link to') t.equal(errnoOf(act), 'EPERM', `${name}, without one`);
    }
    t.equal(
      errnoOf(() => lstatSync(reserved)),
      'ENOENT',
    );
    t.same(readdirSync(m.mnt).sort(), ['dir', 'g']);
  },
);

await mountTest(
  t,
  '28: while a big file is copied nobody sees a part of it',
  { root: true, options: 'cache=none' },
  async (t, m) => {
    const bytes = randomFillSync(Buffer.allocUnsafe(96 << 20));
    let looks = 0;
    // A quick machine copies faster than it is looked at; then once more.
    for (let i = 0; i < 8 && looks < 4; i++) {
      mkdirSync(`${m.lower[0]}/d${i}`);
      writeFileSync(`${m.lower[0]}/d${i}/big`, bytes);
      symlinkSync('big', `${m.lower[0]}/d${i}/link`);
      const seen = new Set<string>();
      const status = await whileOpening(`${m.mnt}/d${i}/big`, () => {
        seen.add(`${readdirSync(m.mnt)} ${readdirSync(`${m.mnt}/d${i}`).sort()}`);
        seen.add(`${statSync(`${m.mnt}/d${i}/big`).size}`);
        // Natively too: nothing but whole files ever has a name that users can see.
        const above = pathsIn(m.upper).filter((path) => path.startsWith(`d${i}`));
        if (above.includes(`d${i}/big`)) seen.add(`${statSync(`${m.upper}/d${i}/big`).size}`);
        else if (above.length > 0) t.same(above, [`d${i}`]);
        looks++;
      });
      t.equal(status, 0);
      const names = Array.from({ length: i + 1 }, (_, k) => `d${k}`).join();
      if (seen.size > 0) t.same([...seen].sort(), [`${bytes.length}`, `${names} big,link`]);
      appendFileSync(`${m.mnt}/d${i}/big`, '+');
      t.equal(statSync(`${m.upper}/d${i}/big`).size, bytes.length + 1);
      t.same(pathsIn(`${m.lower[0]}/d${i}`), ['link']);
    }
    t.ok(looks >= 4, `looked ${looks} times meanwhile`);
  },
);

/** Opens a file for appending in a process of its own. @returns its status */
async function whileOpening(path: string, look: () => void): Promise<number | null> {
  const script = 'exec 3>>"$1"';
  const opener = spawn('bash', ['-c', script, 'bash', path], { stdio: 'ignore', cwd: '/', env: cleanEnv() });
  let done = false;
  const end = new Promise<number | null>((resolve) => opener.once('exit', resolve)).finally(() => {
    done = true;
  });
  while (!done) {
    look();
    await sleep(1);
  }
  return await end;
}
