// The program: one command line in, one exit status out. The process ends by itself when nothing is left to do:
// process.exit would wait for ever for workers that the kernel still holds.
import { UsageError } from '../mount/index.ts';
import { mountCommand } from './mount.ts';
import { tell } from './output.ts';
import { parseCommandLine } from './program.ts';
import { unmountCommand } from './umount.ts';

export async function main(argv: readonly string[]): Promise<void> {
  try {
    process.exitCode = await run(argv);
  } catch (error) {
    process.exitCode = tell(error);
  }
}

async function run(argv: readonly string[]): Promise<number> {
  if (process.platform !== 'linux') throw new UsageError('ARGUMENTS', 'migratefs runs on Linux only');
  const request = parseCommandLine(argv);
  switch (request.kind) {
    case 'done':
      return 0;
    case 'demo': {
      const { demoCommand } = await import('./demo.ts');
      return demoCommand();
    }
    case 'umount':
      return unmountCommand(request);
    case 'mount':
      return mountCommand(request);
  }
}
