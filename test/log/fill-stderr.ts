// Logs more to stderr than a pipe holds, and says on stdout how it went (target.test.ts).
import { Log } from '../../src/log/log.ts';
import { openLogTarget } from '../../src/log/target.ts';

const target = openLogTarget({ foreground: true });
if (target.kind === 'stderr') {
  const log = new Log(target);
  const start = performance.now();
  for (let i = 0; i < 2000; i++) log.info('filler', { text: 'x'.repeat(200) });
  const ms = Math.round(performance.now() - start);
  console.log(
    JSON.stringify({ kind: target.kind, ownDescriptor: target.fd !== undefined, dropped: log.dropped, ms }),
  );
}
