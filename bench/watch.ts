// Where the time of a run goes.

export class Watch {
  readonly #took: Record<string, number>;
  readonly #prefix: string;
  #last = performance.now();

  /** @param took where seconds are noted */
  constructor(took: Record<string, number>, prefix: string) {
    this.#took = took;
    this.#prefix = prefix;
  }

  /** What has taken the time since the last one. */
  lap(what: string): void {
    const now = performance.now();
    this.#took[`${this.#prefix}, ${what}`] = Math.round((now - this.#last) / 100) / 10;
    this.#last = now;
  }
}
