// The command line as a value, and the texts that commander and THE table make of it.
import t from 'tap';
import { optionsHelp } from '../../src/cli/help.ts';
import { parseCommandLine } from '../../src/cli/program.ts';
import { OPTIONS } from '../../src/mount/options-table.ts';

const parse = (...args: string[]) => parseCommandLine(['node', 'migratefs', ...args]);

t.test('mount', async (t) => {
  const plain = {
    kind: 'mount',
    options: ['a'],
    source: undefined,
    mountpoint: '/m',
    foreground: false,
    debug: false,
  };
  // biome-ignore format: a table
  const cases: [string[], object][] = [
    [['-o', 'a', '/m'], plain], [['/m', '-o', 'a'], plain], [['-oa', '/m'], plain],
    [['-o', 'a', '--', '/m'], plain],
    [['-o', 'a', '-o', 'b', '/m'], { ...plain, options: ['a', 'b'] }],
    [['src', '/m', '-o', 'a'], { ...plain, source: 'src' }], [['', '/m', '-o', 'a'], plain],
    [['-f', '-o', 'a', '/m'], { ...plain, foreground: true }], [['-fo', 'a', '/m'], { ...plain, foreground: true }],
    [['-d', '-o', 'a', '/m'], { ...plain, foreground: true, debug: true }],
    [['--log-file', 'x', '-o', 'a', '/m'], { ...plain, logFile: 'x' }], [['--log-file=x', '-o', 'a', '/m'], { ...plain, logFile: 'x' }],
    [['/m'], { ...plain, options: [] }],
  ];
  for (const [args, expected] of cases) t.match(parse(...args), expected, args.join(' '));
});

t.test('umount', async (t) => {
  t.same(parse('umount', '/m'), { kind: 'umount', mountpoint: '/m', lazy: false });
  t.same(parse('umount', '--lazy', '/m'), { kind: 'umount', mountpoint: '/m', lazy: true });
  t.same(parse('umount', '/m', '-l'), { kind: 'umount', mountpoint: '/m', lazy: true });
});

t.test('what is refused', async (t) => {
  // biome-ignore format: a table
  const cases: [string[], RegExp][] = [
    [[], /no mount point/], [['-o', 'a'], /no mount point/], [['a', ''], /no mount point/], [['a', 'b', 'c'], /3 paths/],
    [['-x', '/m'], /unknown option '-x'/], [['/m', '-o'], /argument missing/], [['umount'], /mountpoint/],
    [['umount', 'a', 'b'], /too many arguments/], [['umount', '--now', 'a'], /--now/],
  ];
  for (const [args, message] of cases) {
    t.throws(
      () => parse(...args),
      { name: 'UsageError', code: 'ARGUMENTS', exitStatus: 2, message },
      args.join(' '),
    );
  }
});

t.test('the help names every option that is offered', async (t) => {
  const help = optionsHelp();
  for (const row of OPTIONS) {
    const named = new RegExp(`(^|[ ,])${row.name}([=, ]|$)`, 'm').test(help);
    t.equal(named, row.kind !== 'refused', row.name);
  }
  t.notMatch(help, /lower=\S*keep/, 'nor values that are not available');
  for (const line of help.split('\n')) t.ok(line.length <= 100, line);
});
