// `migratefs -o … MOUNTPOINT`: serves in the foreground or as the daemon that a first call of itself has started; the
// first call itself only checks the words of the command line, which need nothing but themselves.
import { adoptDevice, givenDevice, type MountOptions, parseOptions } from '../mount/index.ts';
import { optionText } from '../mount/option-words.ts';
import { becomeDaemon, startDaemon } from './daemon.ts';
import type { MountRequest } from './program.ts';

export async function mountCommand(request: MountRequest): Promise<number> {
  const options = parse(request);
  const daemon = becomeDaemon();
  if (daemon === undefined && !request.foreground) {
    const device = givenDevice(request.mountpoint);
    return startDaemon(device === undefined ? undefined : adoptDevice(device, request.mountpoint).device);
  }
  // Loaded late: the first call has no need of the file system's code.
  const { serve } = await import('./serve.ts');
  return serve({ request, options, daemon });
}

function parse(request: MountRequest): MountOptions {
  const logFile = request.logFile === undefined ? [] : [optionText('log-file', request.logFile)];
  return parseOptions([...request.options, ...logFile]);
}
