// Old storages that are themselves file systems of a peculiar kind: sshfs (no xattrs, times in seconds), mergerfs and the
// kernel's overlay (files of several devices). None of them keeps hard links one file, so there are none. A tree is read, changed and drained through the mount.

import { appendFileSync, existsSync } from 'node:fs';
import { dirname } from 'node:path';
import t from 'tap';
import { type MountTestOptions, mountTest, must, sh, whereIs } from '../mounted/support.ts';
import { assertHealthy, limit } from './support.ts';

const SFTP = '/usr/lib/openssh/sftp-server';

/** Some hundred files with whole seconds, links, a big file, holes, and names that want quoting. */
const MAKE = `mkdir -p old/a/b/c old/many old/empty; for i in {1..200}; do seq $i $((i * 9)) >old/many/$i; done
  head -c 5000000 /dev/urandom >old/big; truncate -s 3M old/holes; printf end >>old/holes; echo x >"old/a/with space; and \\$ign"
  ln -s b old/a/link; chmod 640 old/many/7; chmod 2750 old/a/b; chown 1234:5678 old/many/8 old/a/b/c
  find old -exec touch -h -d '2004-04-04 04:04:04 UTC' {} +`;

/** Opens every file for writing, as an administrator who drains the old storage does. */
const DRAIN = `find old -type f -exec sh -c 'for f; do : >>"$f"; done' sh {} +`;

interface Kind {
  name: string;
  needs: string[];
  /** Mounts what lies in `$1` and `$2` on `$3`. */
  mount: string;
}

const KINDS: Kind[] = [
  {
    name: 'sshfs',
    needs: ['sshfs', SFTP],
    mount: `printf '#!/bin/sh\\nexec ${SFTP}\\n' >"$1".sh; chmod +x "$1".sh; sshfs -o ssh_command="$1".sh,default_permissions x:"$1" "$3"`,
  },
  {
    name: 'mergerfs',
    needs: ['mergerfs'],
    mount: 'mergerfs -o category.create=ff,cache.files=off "$1":"$2" "$3"',
  },
  {
    name: 'overlay',
    needs: [],
    mount:
      'mkdir "$1"/work "$1"/upper; mount -t overlay -o lowerdir="$2",upperdir="$1"/upper,workdir="$1"/work overlay "$3"',
  },
];

for (const { name, needs, mount } of KINDS) {
  const options: MountTestOptions = {
    needs: ['rsync', ...needs],
    root: true,
    upperBacking: 'tmpfs', // which overlay can have as its own upper layer
    timeout: limit(200_000),
    prepare: ({ lower: [a = ''] }) => {
      const dir = dirname(a);
      sh('mkdir one two plain', { cwd: dir });
      sh('mount -t tmpfs none one', { cwd: dir });
      appendFileSync(`${dir}/mounts`, `${dir}/one\\n${a}\\n`);
      sh(MAKE, { cwd: `${dir}/${name === 'sshfs' ? 'one' : 'two'}` });
      sh(mount, { args: [`${dir}/one`, `${dir}/two`, a] });
      must('cp', ['-a', `${a}/old`, `${dir}/plain`]);
    },
  };
  await mountTest(t, `${name} as the old storage`, options, async (t, m) => {
    const plain = `${m.dir}/plain/old`;
    const step = (script: string, ...args: string[]) =>
      sh(script, { cwd: m.mnt, args, timeout: limit(100_000) });
    const same = 'rsync -anic --delete --numeric-ids "$1"/ "$2"/';
    try {
      t.equal(step(same, plain, 'old'), '', 'reading');
      t.equal(existsSync(`${m.upper}/old`), false, 'has moved nothing');
      const work = `echo more >>many/1; truncate -s 100 many/2; mv many/3 many/4; mv many/5 renamed; mv many/6 a/b/6; chmod 600 many/9; rm many/10
        chown 42:43 many/11; sed -i s/1/one/ many/13; mv a/b moved; mkdir many/new; rm -r a/link; echo "and $0" >>'a/with space; and $ign'
        dd if=/dev/zero of=big bs=1000 seek=1 count=3 conv=notrunc status=none; touch -d @1000000000 many/14 empty; { cat many/* 2>/dev/null || :; } | sha256sum
        ls -R | sort | sha256sum; find . -type f -printf '%P %s %m %U:%G\\n' | sort; ! mkdir many 2>/dev/null; ! rmdir a 2>/dev/null`;
      t.equal(step(`cd old; ${work}`), sh(work, { cwd: plain }), 'the same as on a plain directory');
      t.equal(whereIs(m, 'old/many/20'), 'lower');
      t.equal(whereIs(m, 'old/many/1'), 'upper');
      t.equal(
        step('rsync -rlpgoDnc --itemize-changes --delete --numeric-ids "$1"/ old/', plain),
        '',
        'all of it',
      );
      step(DRAIN);
      t.equal(sh('find old -type f', { cwd: m.lower[0] ?? '' }), '', 'drained');
      t.equal(
        step('rsync -rlpgoDnc --itemize-changes --delete --numeric-ids "$1"/ old/', plain),
        '',
        'and the same still',
      );
      step('rm -r old');
      t.equal(step('ls -A'), '');
      t.equal(sh('find . -path ./.migratefs -prune -o -type f -print', { cwd: m.lower[0] ?? '' }), '');
      assertHealthy(t, m);
    } finally {
      await m.unmount();
      sh('umount "$1"; umount one', { cwd: m.dir, args: [m.lower[0] ?? ''] });
    }
  });
}
