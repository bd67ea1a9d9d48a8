// Nothing that the demo shows is taken for granted: each claim is compared with what is read back, counted, and reported
// under its line when it does not hold.
import { messageOf } from '../../mount/index.ts';
import { line, paint } from './screen.ts';

interface Failure {
  readonly what: string;
  readonly expected: string;
  readonly found: string;
}

export type Check = (what: string, found: unknown, expected: unknown) => void;

export class Checks {
  #held = 0;
  #failed = 0;
  #stopped: Interrupted | undefined;

  get held(): number {
    return this.#held;
  }

  get failed(): number {
    return this.#failed;
  }

  /** No further step is done, and the one under way says nothing more. */
  stop(why: Interrupted): void {
    this.#stopped = why;
  }

  /**
   * Does one step and prints its line: what was done, and what `act` says has come of it; or what should have come of it
   * and what was found.
   */
  async step(title: string, act: (check: Check) => Promise<string>): Promise<void> {
    const failures: Failure[] = [];
    const check: Check = (what, found, expected) => {
      const [a, b] = [JSON.stringify(found) ?? 'nothing', JSON.stringify(expected) ?? 'nothing'];
      if (a === b) this.#held++;
      else failures.push({ what, expected: b, found: a });
    };
    let outcome = '';
    this.#goOn();
    try {
      outcome = await act(check);
    } catch (error) {
      failures.push({ what: 'the step', expected: 'that it can be done', found: messageOf(error) });
    }
    this.#goOn();
    this.#failed += failures.length;
    this.#print(title, outcome, failures);
  }

  #goOn(): void {
    if (this.#stopped !== undefined) throw this.#stopped;
  }

  #print(title: string, outcome: string, failures: readonly Failure[]): void {
    const good = failures.length === 0;
    line(
      `  ${good ? paint('green', 'ok') : paint('red', 'FAILED')}  ${title.padEnd(TITLE)}${good ? outcome : ''}`.trimEnd(),
    );
    for (const { what, expected, found } of failures) {
      line(`      ${paint('red', what)}`);
      line(`        expected  ${expected}`);
      line(`        found     ${found}`);
    }
  }
}

const TITLE = 34;

/** Somebody wants the demo to end: a signal, or its own time limit. */
export class Interrupted extends Error {
  readonly signal: NodeJS.Signals;
  constructor(signal: NodeJS.Signals, message: string) {
    super(message);
    this.signal = signal;
  }
}
