// A worker that writes 500 records beside others (journal.test.ts).
import { workerData } from 'node:worker_threads';
import { makeJournal, record } from './helpers.ts';

const { dir, words, thread } = workerData;
const { journal } = makeJournal(dir, { words, checkMs: 1000 });
for (let i = 0; i < 500; i++) journal.append(record(`/${thread}/${i}`));
