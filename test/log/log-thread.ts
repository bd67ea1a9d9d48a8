// A thread that logs to a target which the main thread opened (log.test.ts).
import { workerData } from 'node:worker_threads';
import { Log, type LogTarget } from '../../src/log/log.ts';

const { target, thread } = workerData as { target: LogTarget; thread: number };
const log = new Log(target);
for (let i = 0; i < 200; i++) log.info('filler', { thread, text: '\n'.repeat(300) });
