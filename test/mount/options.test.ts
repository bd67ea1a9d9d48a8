// The option strings: what each means, and that whatever is written, the outcome is a value or a UsageError.
import fc from 'fast-check';
import t from 'tap';
import { UsageError } from '../../src/mount/errors.ts';
import { MS } from '../../src/mount/mount-flags.ts';
import { parseSize } from '../../src/mount/option-values.ts';
import { escapeValue, optionText, splitOptions, unescapeValue } from '../../src/mount/option-words.ts';
import { type MountOptions, parseOptions } from '../../src/mount/options.ts';
import { OPTIONS } from '../../src/mount/options-table.ts';

const ROOT = { root: true, cores: 4, memory: 2 ** 36 };
const USER = { root: false, cores: 1, memory: 3 * 2 ** 30 };
const LAYERS = 'lowerdir=/a,upperdir=/b';

const parse = (more: string, caller = ROOT) => parseOptions(`${LAYERS},${more}`, caller);

t.test('what is given', async (t) => {
  // biome-ignore format: a table
  const cases: [string, Partial<MountOptions>][] = [
    ['', { lower: ['/a'], upper: '/b', metadata: 'layer', xattrs: 'strict', permissions: 'default', cache: 'shared', locks: 'local', handles: 'forget', passthrough: 'off', threads: 24, busyThreads: 8, inodeMemory: 8 * 2 ** 30, flags: 0, readOnly: false, autoUnmount: false, mountedLayers: false, nonempty: false, allowOther: true, fsname: undefined, logFile: undefined, kernel: [] }],
    ['lower=drain,locks=local,subtype=migratefs', { cache: 'shared' }],
    ['locks=cluster', { locks: 'cluster' }],
    ['metadata=copyup,xattrs=best-effort,cache=exclusive', { metadata: 'copyup', xattrs: 'best-effort', cache: 'exclusive' }],
    ['permissions=layer', { permissions: 'layer', cache: 'none' }],
    ['permissions=layer,cache=none', { permissions: 'layer', cache: 'none' }],
    ['threads=1', { threads: 1, busyThreads: 1 }], ['threads=64', { threads: 64, busyThreads: 64 }], ['threads=08', { threads: 8 }],
    ['inode-memory=64M', { inodeMemory: 64 * 2 ** 20 }], ['inode-memory=1t', { inodeMemory: 2 ** 40 }],
    ['log-file=/var/log/a\\,b', { logFile: '/var/log/a,b' }],
    ['fsname=old\\\\and\\,new=both', { fsname: 'old\\and,new=both' }],
    ['mounted-layers', { mountedLayers: true }],
    ['auto_unmount,nonempty,allow_other,default_permissions', { autoUnmount: true, nonempty: true }],
    ['ro', { readOnly: true, flags: MS.RDONLY }], ['rw', { readOnly: false }],
    ['nosuid,nodev,noexec,sync,dirsync', { flags: MS.NOSUID | MS.NODEV | MS.NOEXEC | MS.SYNCHRONOUS | MS.DIRSYNC }],
    ['suid,dev,exec,async,atime,diratime,norelatime,nolazytime', { flags: 0 }],
    ['noatime,nodiratime,lazytime', { flags: MS.NOATIME | MS.NODIRATIME | MS.LAZYTIME }],
    ['relatime', { flags: MS.RELATIME }], ['strictatime', { flags: MS.STRICTATIME }],
    ['defaults,_netdev,nofail,auto,noauto,nouser,comment=x,x-systemd.requires=/a,X-mount.mkdir=0755', { flags: 0 }],
    ['user', { flags: MS.NOSUID | MS.NODEV | MS.NOEXEC }], ['user=joe', { flags: MS.NOSUID | MS.NODEV | MS.NOEXEC }],
    ['users,exec', { flags: MS.NOSUID | MS.NODEV }], ['owner', { flags: MS.NOSUID | MS.NODEV }], ['group,dev,suid', { flags: 0 }],
    ['context="u:r:t:s0:c1,c2",fscontext=u:r:t', { kernel: ['context="u:r:t:s0:c1,c2"', 'fscontext=u:r:t'] }],
    [',,ro,,', { readOnly: true }],
    ['ro,ro,lowerdir=/a,threads=2,threads=2', { threads: 2, readOnly: true }],
  ];
  for (const [text, expected] of cases) t.match(parse(text), expected, text);
});

t.test('the number of busy threads follows the cores, within bounds', async (t) => {
  const counts = [1, 2, 3, 8, 64].map((cores) => parseOptions(LAYERS, { ...ROOT, cores }).busyThreads);
  t.same(counts, [4, 4, 6, 16, 16]);
});

t.test('a small machine reserves half of its memory for inodes, if it is not told how much', (t) => {
  t.equal(parseOptions(LAYERS, USER).inodeMemory, 1.5 * 2 ** 30);
  t.equal(parseOptions(`${LAYERS},inode-memory=8G`, USER).inodeMemory, 8 * 2 ** 30);
  t.end();
});

t.test('lowerdir', async (t) => {
  // biome-ignore format: a table
  const cases: [string, string[]][] = [
    ['/a', ['/a']], ['/a:/b:c', ['/a', '/b', 'c']], ['/a\\:b:/c', ['/a:b', '/c']], ['/a\\\\:/c', ['/a\\', '/c']],
    ['/a\\,b', ['/a,b']], ['/a\\b', ['/a\\b']], ['/a=b', ['/a=b']], ['/a\\', ['/a\\']], ['/a"b', ['/a"b']],
  ];
  for (const [raw, expected] of cases) {
    t.same(parseOptions(`upperdir=/u,lowerdir=${raw}`, ROOT).lower, expected, raw);
  }
});

t.test('what is refused', async (t) => {
  // biome-ignore format: a table
  const cases: [string, string, RegExp, typeof ROOT?][] = [
    ['foo', 'OPTION_UNKNOWN', /"foo" is not known/], ['=', 'OPTION_UNKNOWN', /""/], ['=x', 'OPTION_UNKNOWN', /""/],
    ['no_suid', 'OPTION_UNKNOWN', /is nosuid meant/], ['Upperdir=/x', 'OPTION_UNKNOWN', /is upperdir meant/], ['thread=3', 'OPTION_UNKNOWN', /is threads meant/],
    ['a\nb\x1b[1m', 'OPTION_UNKNOWN', /"a\\nb\\x1b\[1m"/],
    ['lower=keep', 'OPTION_UNAVAILABLE', /lower=keep is not available in this version/],
    ['workdir=/w', 'OPTION_UNAVAILABLE', /leave it out/], ['remount', 'OPTION_UNAVAILABLE', /unmount it/], ['allow_root', 'OPTION_UNAVAILABLE', /leave it out/],
    ['lower=x', 'OPTION_VALUE', /cannot be "x".*drain\|keep/], ['cache', 'OPTION_VALUE', /needs a value/], ['cache=', 'OPTION_VALUE', /needs a value/],
    ['subtype=x', 'OPTION_VALUE', /subtype/], ['ro=1', 'OPTION_VALUE', /takes no value/], ['nonempty=', 'OPTION_VALUE', /takes no value/], ['nofail=1', 'OPTION_VALUE', /takes no value/],
    ['threads=0', 'OPTION_VALUE', /from 1 to 64/], ['threads=65', 'OPTION_VALUE', /1 to 64/], ['threads=-1', 'OPTION_VALUE', /threads/], ['threads=1.5', 'OPTION_VALUE', /threads/], ['threads=0x8', 'OPTION_VALUE', /threads/],
    ['inode-memory=8X', 'OPTION_VALUE', /inode-memory/], ['inode-memory=1', 'OPTION_VALUE', /from 1M to 1T/], ['inode-memory=2T', 'OPTION_VALUE', /1T/],
    ['fsname=a\0b', 'OPTION_VALUE', /NUL/],
    ['lowerdir=/c', 'OPTION_CONFLICT', /lowerdir is given twice, as \/a and as \/c/], ['upperdir=/c', 'OPTION_CONFLICT', /upperdir/], ['threads=2,threads=3', 'OPTION_CONFLICT', /twice/],
    ['ro,rw', 'OPTION_CONFLICT', /ro and rw contradict/], ['suid,nosuid', 'OPTION_CONFLICT', /suid/], ['noatime,strictatime', 'OPTION_CONFLICT', /contradict/], ['relatime,norelatime', 'OPTION_CONFLICT', /contradict/],
    ['permissions=layer,cache=shared', 'OPTION_CONFLICT', /permissions=layer and cache=shared/], ['permissions=layer,default_permissions', 'OPTION_CONFLICT', /default_permissions/],
    ['allow_other', 'OPTION_UNAVAILABLE', /mount as root/, USER], ['context=a', 'OPTION_UNAVAILABLE', /root's alone/, USER],
  ];
  for (const [text, code, message, caller] of cases) {
    t.throws(() => parse(text, caller), { name: 'UsageError', code, exitStatus: 2, message }, text);
  }
  for (const text of ['', 'ro', 'upperdir=/b'])
    t.throws(() => parseOptions(text, ROOT), { code: 'OPTION_MISSING', message: /no lowerdir/ });
  t.throws(() => parseOptions('lowerdir=/a', ROOT), { code: 'OPTION_MISSING', message: /no upperdir/ });
  for (const raw of ['/a:', ':/a', '/a::/b', ':'])
    t.throws(() => parseOptions(`lowerdir=${raw},upperdir=/b`, ROOT), { message: /empty path/ });
});

t.test('several strings accumulate', async (t) => {
  t.match(parseOptions(['lowerdir=/a', 'ro', 'upperdir=/b,threads=3'], ROOT), {
    upper: '/b',
    threads: 3,
    readOnly: true,
  });
  t.throws(() => parseOptions([LAYERS, 'lowerdir=/x'], ROOT), { code: 'OPTION_CONFLICT' });
});

t.test('sizes', async (t) => {
  // biome-ignore format: a table
  const cases: [string, number][] = [['1', 1], ['2K', 2048], ['2kB', 2048], ['3MiB', 3 * 2 ** 20], ['8G', 2 ** 33], ['1T', 2 ** 40], ['', NaN], ['G', NaN], ['1.5G', NaN], ['1P', NaN], [' 1', NaN]];
  for (const [text, bytes] of cases) t.ok(Object.is(parseSize(text), bytes), text);
});

t.test('every option of the table has a name of its own, help and a group', async (t) => {
  t.equal(new Set(OPTIONS.map((row) => row.name)).size, OPTIONS.length);
  for (const row of OPTIONS) t.ok(row.help.length > 0 && !row.help.includes('\n'), row.name);
});

t.test('whatever is written: a value or a UsageError of one line', async () => {
  const name = fc.constantFrom(...OPTIONS.map((row) => row.name), 'x-a', 'nothing');
  const word = fc
    .tuple(name, fc.option(fc.string({ unit: 'binary' })))
    .map(([n, v]) => (v === null ? n : `${n}=${v}`));
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(word).map((words) => words.join(',')),
  );
  fc.assert(
    fc.property(text, fc.boolean(), (options, layers) => {
      try {
        parseOptions(layers ? [LAYERS, options] : options, ROOT);
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        // biome-ignore lint/suspicious/noControlCharactersInRegex: that is the point
        if (/[\x00-\x1f\x7f-\x9f\u2028]/.test(error.message))
          throw new Error(`control character in ${JSON.stringify(error.message)}`);
      }
    }),
    { numRuns: 2000 },
  );
});

t.test('any value survives being written and read', async () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary', minLength: 1 }), { minLength: 1 }), (values) => {
      const words = splitOptions(values.map((value) => optionText('fsname', value)).join(','));
      return (
        words.length === values.length && words.every((w, i) => unescapeValue(w.raw ?? '') === values[i])
      );
    }),
  );
  fc.assert(
    fc.property(fc.array(fc.stringMatching(/^[^\0]+$/), { minLength: 1 }), (paths) => {
      const raw = paths.map((path) => escapeValue(path).replace(/:/g, '\\:')).join(':');
      const { lower } = parseOptions(`upperdir=/u,lowerdir=${raw}`, ROOT);
      return lower.length === paths.length && lower.every((path, i) => path === paths[i]);
    }),
  );
});
