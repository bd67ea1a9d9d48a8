// Logs past the largest size that a file may have, then makes room (log.test.ts). The limit is the full disk that needs no mount.
import { Log } from '../../src/log/log.ts';
import { openLogTarget } from '../../src/log/target.ts';
import { cstring } from '../../src/sys/cstring.ts';
import { getrlimit, ResourceLimit, RLIMIT_FSIZE, setrlimit } from '../../src/sys/limits.ts';
import { truncate } from '../../src/sys/path.ts';

process.on('SIGXFSZ', () => {}); // else it would be the end
const path = process.argv[2] as string;
const target = openLogTarget({ logFile: path, foreground: false });
if (target.kind === 'failed') throw new Error(target.message);
const log = new Log(target);

const limit = new ResourceLimit();
getrlimit(RLIMIT_FSIZE, limit);
const { soft } = limit;
limit.soft = 1024;
setrlimit(RLIMIT_FSIZE, limit);
for (let i = 0; i < 10; i++) log.info('filler', { text: 'x'.repeat(250) });
truncate(cstring(path), 100);
new Log(target).info('works'); // as another thread would
limit.soft = soft;
setrlimit(RLIMIT_FSIZE, limit);
