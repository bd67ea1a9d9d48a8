// A thread that waits in poll(2) until a signal comes (system.test.ts).
import { parentPort } from 'node:worker_threads';
import { poll } from '../../src/sys/fd.ts';
import { gettid } from '../../src/sys/thread.ts';

parentPort?.postMessage(gettid());
parentPort?.postMessage(poll(-1, 0, 10_000));
