// A process that opens a file for appending, and may wait long for that.

import { type ChildProcess, spawn } from 'node:child_process';
import { cleanEnv } from './tools.ts';

const SCRIPT = `
use Errno; use Fcntl;
my ($path, $word, $handles) = @ARGV;
# Perl asks for no SA_RESTART, and makes no open again.
$SIG{INT} = sub {} if $handles;
my $file;
if (sysopen($file, $path, O_WRONLY | O_APPEND)) {
  defined syswrite($file, "$word\\n") && close($file) ? print "ok" : print "not written: $!";
} else {
  print +(grep { $!{$_} } sort keys %!)[0];
}
`;

export class Opener {
  readonly #process: ChildProcess;
  /** 'ok', when it has written its word, the name of the errno of open(2), or the signal that has ended it. */
  readonly ended: Promise<string>;

  /** @param handles whether it has a handler of SIGINT, which does nothing */
  constructor(path: string, word: string, handles = false) {
    this.#process = spawn('perl', ['-e', SCRIPT, path, word, handles ? '1' : ''], {
      stdio: ['ignore', 'pipe', 'inherit'],
      cwd: '/',
      env: cleanEnv(),
    });
    let said = '';
    this.#process.stdout?.on('data', (data) => {
      said += data;
    });
    this.ended = new Promise((resolve) => {
      this.#process.once('close', (status, signal) => resolve(signal ?? (said || `status ${status}`)));
    });
  }

  get isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }
}
