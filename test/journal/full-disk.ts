// Writes records past the largest size that a file may have, then makes room (journal.test.ts): the full disk that needs no mount.
import { getrlimit, ResourceLimit, RLIMIT_FSIZE, setrlimit } from '../../src/sys/limits.ts';
import { makeJournal, record } from './helpers.ts';

process.on('SIGXFSZ', () => {}); // else it would be the end
const { journal } = makeJournal(process.argv[2] as string);
const limit = new ResourceLimit();
getrlimit(RLIMIT_FSIZE, limit);
const { soft } = limit;
limit.soft = 1234;
setrlimit(RLIMIT_FSIZE, limit);
for (let i = 0; i < 20; i++) journal.append(record(`/${i}`));
limit.soft = soft;
setrlimit(RLIMIT_FSIZE, limit);
for (let i = 0; i < 2; i++) journal.append(record(`/works/${i}`));
