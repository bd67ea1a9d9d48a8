// The log: where it goes (target.ts), and one line for each event (log.ts).
export { Log, type LogFields, type LogTarget } from './log.ts';
export { describeTarget, openLogTarget, reopenLogTarget } from './target.ts';
