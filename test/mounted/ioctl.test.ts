// File flags through the mount: chattr, lsattr, project ids, and every other ioctl, answered as the layer answers it.

import { closeSync, constants, mkdirSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { errnoName } from '../../protocol/errno.ts';
import { ioctl } from '../../src/sys/copy.ts';
import { poll } from '../../src/sys/fd.ts';
import {
  FS_DIRSYNC_FL,
  FS_IOC_FSGETXATTR,
  FS_IOC_FSSETXATTR,
  FS_IOC_GETFLAGS,
  FS_IOC_GETVERSION,
  FS_IOC_SETFLAGS,
  FS_NODUMP_FL,
  FS_SYNC_FL,
  getFileFlags,
} from '../../src/sys/ioctl.ts';
import { mountTest, run, shAs, whereIs } from './support.ts';

const shown = (result: number): string => (result < 0 ? errnoName(-result) : `${result}`);

/** Calls `work` with a file or directory open for reading. */
function opened<T>(path: string, work: (fd: number) => T): T {
  const fd = openSync(path, constants.O_RDONLY);
  try {
    return work(fd);
  } finally {
    closeSync(fd);
  }
}

const flagsOf = (path: string): number => opened(path, getFileFlags);

/** A conversation about one object's flags, that leaves them as they were. */
function ask(path: string): Record<string, string> {
  return opened(path, (fd) => {
    const word = new Uint32Array(2);
    const x = new Uint32Array(7);
    const call = (request: number, data: Uint32Array) =>
      shown(ioctl(fd, request, new Uint8Array(data.buffer)));
    const answers: Record<string, string> = {};
    const flags = (what: string) => {
      word.fill(0);
      answers[what] = `${call(FS_IOC_GETFLAGS, word)} ${word[0]?.toString(16)}`;
    };
    const xattr = (what: string) => {
      x.fill(0);
      answers[what] = `${call(FS_IOC_FSGETXATTR, x)} ${x[0]?.toString(16)} ${x[1]} ${x[3]} ${x[4]}`;
    };
    flags('flags');
    const before = word[0] as number;
    for (const [name, bit] of [
      ['nodump', FS_NODUMP_FL],
      ['sync', FS_SYNC_FL],
      ['dirsync', FS_DIRSYNC_FL],
      ['nobody knows', 0x0040_0000],
      ['secure deletion', 1],
    ] as const) {
      word[0] = before | bit;
      answers[`set ${name}`] = call(FS_IOC_SETFLAGS, word);
      flags(`flags with ${name}`);
      word[0] = before;
      answers[`clear ${name}`] = call(FS_IOC_SETFLAGS, word);
    }
    flags('flags at the end');
    xattr('fsxattr');
    answers['the same fsxattr'] = call(FS_IOC_FSSETXATTR, x);
    x[3] = 7;
    answers['project 7'] = call(FS_IOC_FSSETXATTR, x);
    xattr('fsxattr of project 7');
    x[3] = 0;
    answers['project 0'] = call(FS_IOC_FSSETXATTR, x);
    x[1] = 3;
    answers['an extent size that is none'] = call(FS_IOC_FSSETXATTR, x);
    x[1] = 0;
    x[0] = 0x0100_0000;
    answers['a flag that is none'] = call(FS_IOC_FSSETXATTR, x);
    xattr('fsxattr at the end');
    answers.version = call(FS_IOC_GETVERSION, word);
    answers['no such request'] = shown(ioctl(fd, 0xc004_5a63, new Uint8Array(4)));
    answers['no such request, without data'] = shown(ioctl(fd, 0x5a64, null));
    return answers;
  });
}

for (const backing of ['ext4', 'xfs', 'btrfs', 'tmpfs'] as const) {
  await mountTest(
    t,
    `flags and numbers are the layer’s own, ${backing}`,
    {
      root: true,
      backing,
      prepare: ({ lower: [lower = ''], upper }) => {
        for (const layer of [lower, upper]) {
          const age = layer === upper ? 'new' : 'old';
          for (const name of [age, `${age}-model`]) {
            writeFileSync(`${layer}/${name}`, 'content');
            mkdirSync(`${layer}/${name}-dir`);
          }
          mkdirSync(`${layer}/merged`);
        }
      },
    },
    (t, m) => {
      const native = { old: m.lower[0] as string, new: m.upper };
      for (const age of ['old', 'new'] as const) {
        for (const kind of ['', '-dir']) {
          const model = ask(`${native[age]}/${age}-model${kind}`);
          t.same(ask(`${m.mnt}/${age}${kind}`), model, `${age}${kind}`);
          t.equal(model['no such request'], 'ENOTTY');
        }
      }
      t.same(ask(`${m.mnt}/merged`), ask(`${m.upper}/new-model-dir`), 'a merged directory');
      t.equal(whereIs(m, 'old'), 'lower', 'nothing has moved for it');

      const fd = openSync(`${m.mnt}/gone`, 'w+');
      run('rm', [`${m.mnt}/gone`]);
      t.equal(getFileFlags(fd), flagsOf(`${m.upper}/new-model`), 'an unlinked file');
      closeSync(fd);
      const write = openSync(`${m.mnt}/new`, 'w');
      t.equal(getFileFlags(write), flagsOf(`${m.upper}/new-model`), 'by a handle that cannot read');
      closeSync(write);
    },
  );
}

await mountTest(
  t,
  'programs: chattr, lsattr, xfs_io',
  {
    root: true,
    backing: 'xfs',
    needs: ['chattr', 'lsattr', 'xfs_io'],
    prepare: ({ lower: [lower = ''], upper }) => {
      mkdirSync(`${lower}/tree/sub`, { recursive: true });
      for (const name of ['tree/a', 'tree/sub/b']) writeFileSync(`${lower}/${name}`, name);
      mkdirSync(`${upper}/tree`);
      writeFileSync(`${upper}/tree/c`, 'c');
    },
  },
  (t, m) => {
    const said = (command: string, ...args: string[]) => {
      const { status, stdout, stderr } = run(command, args, { cwd: m.mnt, timeout: 20_000 });
      return `${status} ${stdout}${stderr}`;
    };
    t.equal(said('chattr', '-R', '+d', 'tree'), '0 ');
    const listed = said('lsattr', '-R', 'tree');
    t.match(listed, /^(?:0 )?-+d-+ tree\/c$/m);
    t.match(listed, /^(?:0 )?-+d-+ tree\/a$/m);
    t.match(listed, /^(?:0 )?-+d-+ tree\/sub$/m);
    t.equal(flagsOf(`${m.lower[0]}/tree`) & FS_NODUMP_FL, FS_NODUMP_FL, 'both sides of the directory');
    t.equal(flagsOf(`${m.upper}/tree`) & FS_NODUMP_FL, FS_NODUMP_FL);
    t.equal(said('chattr', '-R', '-d', 'tree'), '0 ');
    t.notMatch(said('lsattr', '-Rd', 'tree'), /d/);
    t.match(said('lsattr', '-v', 'tree'), /^0 \d+ +-+ tree\//);

    t.equal(said('chattr', '-p', '42', 'tree/a'), '0 ');
    t.match(said('lsattr', '-p', 'tree'), /^(?:0 )? *42 -+ tree\/a$/m);
    t.equal(said('xfs_io', '-r', '-c', 'lsproj', `${m.lower[0]}/tree/a`), '0 projid = 42\n', 'where it lies');
    t.equal(whereIs(m, 'tree/a'), 'lower');
  },
);

const old = ({ lower: [lower = ''] }: { lower: string[] }) => writeFileSync(`${lower}/old`, 'old');

await mountTest(
  t,
  'metadata=copyup: the file moves first, and each storage’s own flags stay its own',
  {
    root: true,
    backing: 'ext4',
    upperBacking: 'xfs',
    options: 'metadata=copyup',
    needs: ['chattr'],
    prepare: old,
  },
  (t, m) => {
    const EXTENTS = 0x80000;
    t.equal(flagsOf(`${m.mnt}/old`) & EXTENTS, EXTENTS, 'ext4 says so');
    t.equal(run('chattr', ['+d', `${m.mnt}/old`]).status, 0);
    t.equal(whereIs(m, 'old'), 'upper');
    t.equal(flagsOf(`${m.upper}/old`), FS_NODUMP_FL, 'xfs has no such flag');
    t.equal(readFileSync(`${m.mnt}/old`, 'utf8'), 'old');
  },
);

await mountTest(
  t,
  'a flag that one side of a directory cannot have is set on none',
  {
    root: true,
    backing: 'ext4',
    upperBacking: 'tmpfs',
    needs: ['chattr'],
    prepare: ({ lower: [lower = ''], upper }) => {
      mkdirSync(`${lower}/both`);
      mkdirSync(`${upper}/both`);
    },
  },
  (t, m) => {
    const before = flagsOf(`${m.lower[0]}/both`);
    t.match(run('chattr', ['+S', `${m.mnt}/both`]).stderr.toString(), /not supported/);
    t.equal(flagsOf(`${m.lower[0]}/both`), before, 'put back');
    t.equal(flagsOf(`${m.upper}/both`), 0);
    t.equal(run('chattr', ['+dA', `${m.mnt}/both`]).status, 0);
    t.equal(flagsOf(`${m.lower[0]}/both`), before | 0xc0);
    t.equal(flagsOf(`${m.upper}/both`), 0xc0);
  },
);

await mountTest(
  t,
  'who may: the owner, root alone for +i and +a, nobody on a read-only mount',
  {
    root: true,
    backing: 'ext4',
    needs: ['chattr', 'lsattr', 'setpriv'],
    prepare: ({ lower: [lower = ''], upper }) => {
      for (const layer of [lower, upper]) {
        const name = `${layer}/${layer === upper ? 'new' : 'old'}`;
        writeFileSync(name, 'text');
        run('chown', ['1000:1000', name]);
      }
    },
  },
  async (t, m) => {
    const owner = { uid: 1000, gid: 1000 };
    const other = { uid: 1001, gid: 1001 };
    const changes = (who: typeof owner, what: string, name: string) =>
      shAs(who, 'chattr "$1" "$2"', { args: [what, `${m.mnt}/${name}`] });
    for (const name of ['old', 'new']) {
      t.equal(changes(owner, '+d', name).status, 0);
      for (const what of ['+i', '+a']) t.match(changes(owner, what, name).stderr, /not permitted/);
      t.match(changes(other, '-d', name).stderr, /not permitted/);
      t.match(
        shAs(other, 'lsattr "$1"', { args: [`${m.mnt}/${name}`] }).stdout,
        /d/,
        'whoever can read it sees',
      );
      t.equal(changes(owner, '-d', name).status, 0);
    }
    await m.remount('ro');
    for (const name of ['old', 'new']) t.match(changes(owner, '+d', name).stderr, /Read-only/);
  },
);

await mountTest(
  t,
  'what the kernel answers itself',
  { root: true, backing: 'ext4', prepare: old },
  (t, m) => {
    opened(`${m.mnt}/old`, (fd) => {
      const FS_IOC_FIEMAP = 0xc020_660b;
      const FIGETBSZ = 2;
      const FITRIM = 0xc018_5879;
      const FS_IOC_GETFSLABEL = 0x8100_9431;
      const asked = (request: number, bytes: number) => shown(ioctl(fd, request, new Uint8Array(bytes)));
      t.equal(asked(FS_IOC_FIEMAP, 4096), 'EOPNOTSUPP', 'never comes to the daemon');
      t.equal(asked(FIGETBSZ, 4), '0');
      t.equal(asked(FITRIM, 24), 'ENOTTY');
      t.equal(asked(FS_IOC_GETFSLABEL, 256), 'ENOTTY');
      t.equal(poll(fd, 0xffff, 0) & 5, 5, 'always ready to be read and written');
    });
    t.ok(statSync(`${m.mnt}/old`));
  },
);
