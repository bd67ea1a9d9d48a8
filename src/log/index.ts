// The log: where it goes (target.ts), and one line for each event (log.ts).
export { Log, type LogFields, type LogLevel, type LogTarget, type LogValue } from './log.ts';
export { describeTarget, type LogFailure, openLogTarget, reopenLogTarget } from './target.ts';
