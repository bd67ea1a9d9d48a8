// The command line of the benchmark: what is chosen, and what is refused.
import t from 'tap';
import { groupsOf } from '../../bench/measure.ts';
import { type Options, parseOptions, USAGE, UsageError } from '../../bench/options.ts';
import { peers } from '../../bench/peers.ts';
import { families } from '../../bench/workloads/index.ts';

const parsed = (...args: string[]): Options => {
  const options = parseOptions(args);
  if (options === undefined) throw new Error('help');
  return options;
};
const names = ({ workloads }: Options): string[] => workloads.map(({ workload }) => workload.name);

t.test('everything, unless something is asked for', async (t) => {
  const options = parsed();
  t.equal(options.workloads.length, families.flatMap(({ workloads }) => workloads).length);
  t.equal(options.peers, peers);
  t.match(options, { storages: ['tmpfs', 'ext4'], rounds: 5, scale: 0.05, install: true, named: false });
  t.equal(parseOptions(['--help']), undefined);
});

t.test('workloads by name, by what names begin with, by family', async (t) => {
  t.same(names(parsed('--only', 'create,ls')), ['create-1', 'create-8', 'ls']);
  t.same(names(parsed('--only', 'stat-cold-8')), ['stat-cold-8']);
  t.same(names(parsed('--only', 'cost')), ['start', 'memory', 'cpu']);
  t.ok(names(parsed('--only', 'stat')).includes('stat-same-1'));
});

t.test('peers, storages, numbers', async (t) => {
  const options = parsed(
    '--peers=fuse-overlayfs,native',
    '--storage=ext4',
    '--rounds=9',
    '--scale=.5',
    '--no-install',
  );
  t.same(
    options.peers.map(({ name }) => name),
    ['native', 'fuse-overlayfs'],
    'in the order of the table',
  );
  t.match(options, { named: true, storages: ['ext4'], rounds: 9, scale: 0.5, install: false });
});

t.test('the smoke run is a set of options, each of which can be given', async (t) => {
  const options = parsed('--smoke', '--rounds', '3');
  t.match(options, { smoke: 'check', storages: ['tmpfs'], rounds: 3 });
  t.ok(options.workloads.length < parsed().workloads.length);
  t.equal(parsed('--smoke', '--note').smoke, 'note');
});

t.test('what is wrong is named', async (t) => {
  const wrong: [string[], RegExp][] = [
    [['--only', 'nothing'], /no workload is called nothing; there are stat-same-1, /],
    [['--peers', 'native,ufs'], /no peer is called ufs; there are native, /],
    [['--storage', 'ext3'], /no storage is called ext3/],
    [['--rounds', '2.5'], /--rounds=2.5: not a positive whole number/],
    [['--scale', '0'], /--scale=0: not a positive number/],
    [['--note'], /--note goes with --smoke/],
    [['--fast'], /--fast/],
    [['stat'], /stat/],
  ];
  for (const [args, message] of wrong) {
    const error = t.throws(() => parseOptions(args), { message }, args.join(' '));
    t.ok(error instanceof UsageError);
  }
});

t.test('names are told apart, and listed', async (t) => {
  const all = [...families, ...families.flatMap(({ workloads }) => workloads)].map(({ name }) => name);
  t.equal(new Set(all).size, all.length);
  for (const name of [...all, ...peers.map(({ name }) => name)]) t.ok(USAGE.includes(name), name);
  for (const { workloads } of families) {
    for (const { baseline = 'native' } of workloads) t.ok(peers.some(({ name }) => name === baseline));
  }
});

t.test('a family shares its mounts; what wants its own has them', async (t) => {
  const { workloads } = parsed('--only', 'stat,migration,trouble,readdir');
  const groups = groupsOf(workloads, 'ext4').map((group) => group.map(({ workload }) => workload.name));
  t.same(groups, [
    ['stat-same-1', 'stat-1', 'stat-cold-1'],
    ['copyup-large'],
    ['copyup-sparse'],
    ['copyup-small-1', 'copyup-small-8'],
    ['busy-copyup'],
  ]);
});
