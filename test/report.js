// The reporter of `npm test`: a line for each file, then every failure and every skip in full, and as the last line
// how many passed, failed and were skipped. tap loads it in its own process, without the TypeScript loader.
import { Transform } from 'node:stream';
import { inspect } from 'node:util';
import { Parser } from 'tap-parser';

/** Diagnostics of a failure, less what only repeats the command line. */
function details(diag) {
  if (!diag) return '';
  const { stdio, cwd, externalID, command, args, compare, jobId, at, ...shown } = diag;
  return Object.entries(shown)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([key, value]) => `${key}: ${typeof value === 'string' ? value.trimEnd() : inspect(value)}`)
    .join('\n')
    .replaceAll(/^/gm, '      ');
}

export default class Report extends Transform {
  #parser = new Parser();
  #passed = 0;
  #failures = [];
  #skips = [];
  #results;

  constructor() {
    super();
    const parser = this.#parser;
    parser.on('pass', () => this.#passed++);
    parser.on('fail', (result) => this.#failures.push(result));
    parser.on('skip', (result) => this.#skips.push(result));
    parser.on('todo', (result) => this.#skips.push(result));
    parser.on('extra', (text) => this.push(text));
    parser.on('bailout', (reason) => this.push(`Bail out! ${reason}\n`));
    parser.on('assert', (file) => {
      const seconds = file.time === null ? '' : `  ${(file.time / 1000).toFixed(1)} s`;
      this.push(`${file.ok ? (file.skip ? 'SKIP' : 'ok  ') : 'FAIL'}  ${file.name}${seconds}\n`);
    });
    parser.on('complete', (results) => {
      this.#results = results;
    });
  }

  _transform(chunk, _encoding, done) {
    this.#parser.write(chunk);
    done();
  }

  _flush(done) {
    this.#parser.end();
    for (const { fullname, diag, tapError } of this.#failures) {
      this.push(`\nFAILED: ${fullname}${tapError ? ` (${tapError})` : ''}\n${details(diag)}\n`);
    }
    if (this.#skips.length > 0) this.push('\n');
    for (const { fullname, skip, todo } of this.#skips) {
      const reason = skip || todo;
      this.push(`SKIPPED: ${fullname}: ${reason === true ? 'no reason given' : reason}\n`);
    }
    const failed = this.#failures.length || (this.#results?.ok ? 0 : 1);
    this.push(`\n${this.#passed} passed, ${failed} failed, ${this.#skips.length} skipped\n`);
    done();
  }
}
