// The command line: what is asked for, as a value; nothing is done here. Whatever commander has to say becomes a
// UsageError of one line.
import { Command, CommanderError } from 'commander';
import { UsageError } from '../mount/index.ts';
import { isNear } from '../mount/near.ts';
import { printable } from '../mount/printable.ts';
import { EXAMPLES, optionsHelp } from './help.ts';
import { print } from './output.ts';
import { version } from './version.ts';

export interface MountRequest {
  readonly kind: 'mount';
  /** The `-o` strings, in their order. */
  readonly options: readonly string[];
  readonly source: string | undefined;
  readonly mountpoint: string;
  readonly foreground: boolean;
  readonly debug: boolean;
  readonly logFile: string | undefined;
}

export interface UnmountRequest {
  readonly kind: 'umount';
  readonly mountpoint: string;
  readonly lazy: boolean;
}

const COMMANDS = ['umount', 'demo'];

/** `done`: help or version was printed. */
export type CommandRequest = MountRequest | UnmountRequest | { readonly kind: 'demo' | 'done' };

/** `argv` as process.argv. @throws UsageError */
export function parseCommandLine(argv: readonly string[]): CommandRequest {
  let request: CommandRequest = { kind: 'done' };
  const program = mountProgram((mount) => {
    request = mount;
  });
  program.addCommand(
    unmountCommand((umount) => {
      request = umount;
    }),
  );
  program.addCommand(
    demoCommand(() => {
      request = { kind: 'demo' };
    }),
  );
  try {
    program.parse(argv);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { kind: 'done' };
    throw new UsageError('ARGUMENTS', `${firstLine(error.message)}: migratefs --help shows how`);
  }
  return request;
}

function firstLine(message: string): string {
  return (message.split('\n')[0] ?? '').replace(/^error: /, '');
}

function command(name: string): Command {
  return new Command(name)
    .exitOverride()
    .showSuggestionAfterError(false)
    .helpOption('-h, --help', 'show this text')
    .configureOutput({ writeOut: print, writeErr: () => {}, outputError: () => {} });
}

interface MountFlags {
  o?: string[];
  foreground?: true;
  debug?: true;
  logFile?: string;
}

function mountProgram(act: (request: MountRequest) => void): Command {
  return command('migratefs')
    .description('Merges an old storage (lowerdir) and a new one (upperdir), and moves what is used.')
    .usage(
      '-o lowerdir=A[:B…],upperdir=U[,OPTION…] [SOURCE] MOUNTPOINT\n       migratefs umount [--lazy] MOUNTPOINT\n       migratefs demo',
    )
    .argument('[paths...]')
    .configureHelp({ visibleArguments: () => [], visibleCommands: () => [] })
    .helpCommand(false)
    .option('-o <options>', 'mount options, see below; may be given several times', collect)
    .option('-f, --foreground', 'stay in the foreground')
    .option('-d, --debug', 'log every message of the kernel; stays in the foreground')
    .option(
      '--log-file <file>',
      'where the log goes (default: the system log; in the foreground standard error)',
    )
    .version(version(), '-V, --version', 'show the version')
    .addHelpText('after', `${optionsHelp()}${EXAMPLES}`)
    .action((paths: string[], flags: MountFlags) => act(mountRequest(paths, flags)));
}

function collect(text: string, before: string[] = []): string[] {
  return [...before, text];
}

function mountRequest(paths: string[], flags: MountFlags): MountRequest {
  const mountpoint = paths.at(-1);
  if (mountpoint === undefined || mountpoint === '') {
    throw new UsageError('ARGUMENTS', 'no mount point: migratefs -o lowerdir=DIR,upperdir=DIR MOUNTPOINT');
  }
  const [first = ''] = paths;
  if (flags.o === undefined && (paths.length === 2 || COMMANDS.some((name) => isNear(name, first)))) {
    const meant = COMMANDS.find((name) => isNear(name, first));
    const mend = meant === undefined ? `there are ${COMMANDS.join(' and ')}` : `is ${meant} meant?`;
    throw new UsageError(
      'ARGUMENTS',
      `"${printable(first)}" is no command, and a mount needs -o lowerdir=DIR,upperdir=DIR: ${mend}`,
    );
  }
  if (paths.length > 2) {
    throw new UsageError(
      'ARGUMENTS',
      `${paths.length} paths: give [SOURCE] MOUNTPOINT, and the layers with -o`,
    );
  }
  return {
    kind: 'mount',
    options: flags.o ?? [],
    source: paths.length === 2 && paths[0] !== '' ? paths[0] : undefined,
    mountpoint,
    foreground: flags.foreground === true || flags.debug === true,
    debug: flags.debug === true,
    logFile: flags.logFile,
  };
}

function unmountCommand(act: (request: UnmountRequest) => void): Command {
  return command('umount')
    .description('Takes a mount away and so ends its daemon.')
    .argument('<mountpoint>')
    .option('-l, --lazy', 'detach it now, even in use; the daemon ends with its last user')
    .action((mountpoint: string, flags: { lazy?: true }) =>
      act({ kind: 'umount', mountpoint, lazy: flags.lazy === true }),
    );
}

function demoCommand(act: () => void): Command {
  return command('demo')
    .description('Shows in a temporary directory what migratefs does, checks it, and leaves nothing behind.')
    .action(act);
}
