// What `--help` shows beside commander's own lines: the options of `-o` from THE table, and examples.
import { type Group, OPTIONS, type OptionRow } from '../mount/options-table.ts';

const TITLES: Record<Group, string> = {
  layers: 'Layers (needed)',
  behaviour: 'Behaviour',
  daemon: 'Daemon',
  mount: 'Mount',
};

/** Columns of the names, and of the whole. */
const WIDTH = 34;
const COLUMNS = 100;

export function optionsHelp(): string {
  const groups = Object.entries(TITLES).map(([group, title]) => {
    const rows = OPTIONS.filter((row) => row.group === group && row.kind !== 'refused');
    return `${title}:\n${merged(rows).join('')}`;
  });
  return `\nMount options, -o NAME[=VALUE],…   (in a value \\, stands for a comma)\n\n${groups.join('\n')}`;
}

/** Neighbours with the same description share a line. */
function merged(rows: readonly OptionRow[]): string[] {
  const lines: { names: string; help: string }[] = [];
  for (const row of rows) {
    const last = lines.at(-1);
    if (last?.help === describe(row)) last.names += `, ${spell(row)}`;
    else lines.push({ names: spell(row), help: describe(row) });
  }
  return lines.map(({ names, help }) => besideOneAnother(names, help));
}

/** The description begins beside the last line of the names. */
function besideOneAnother(names: string, help: string): string {
  const left = wrap(names, /(?<=,) /, WIDTH - 4);
  const right = wrap(help, / /, COLUMNS - WIDTH);
  const last = left.pop() as string;
  const lines = [
    `${last.padEnd(WIDTH - 2)}${right.shift()}`,
    ...right.map((line) => `${' '.repeat(WIDTH - 2)}${line}`),
  ];
  return [...left, ...lines].map((line) => `  ${line}\n`).join('');
}

function wrap(text: string, between: RegExp, width: number): string[] {
  const lines = [''];
  for (const word of text.split(between)) {
    const line = lines.at(-1) as string;
    if (line !== '' && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}

function spell(row: OptionRow): string {
  switch (row.kind) {
    case 'text':
    case 'list':
    case 'kernel':
      return `${row.name}=${row.value}`;
    case 'choice':
      return `${row.name}=${row.choices.filter((c) => row.unavailable?.[c] === undefined).join('|')}`;
    case 'number':
      return `${row.name}=N`;
    case 'size':
      return `${row.name}=SIZE`;
    default:
      return row.name;
  }
}

function describe(row: OptionRow): string {
  const fixed = row.kind === 'choice' && row.choices.length === 1;
  return 'initial' in row && !fixed ? `${row.help} (default: ${row.initial})` : row.help;
}

export const EXAMPLES = `
Examples:
  migratefs -o lowerdir=/mnt/old,upperdir=/mnt/new /data
  migratefs -f -o lowerdir=/mnt/old1:/mnt/old2,upperdir=/mnt/new,cache=exclusive /data
  mount -t fuse.migratefs -o lowerdir=/mnt/old,upperdir=/mnt/new migratefs /data
  migratefs umount /data

In /etc/fstab:
  migratefs  /data  fuse.migratefs  lowerdir=/mnt/old,upperdir=/mnt/new,mounted-layers,_netdev  0 0

Signals: SIGTERM, SIGINT and SIGHUP unmount and end the daemon; SIGUSR2 opens the log file anew.
Exit status: 0 done, 1 the system cannot do it, 2 it was asked for wrongly.
`;
