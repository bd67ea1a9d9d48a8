// The numbers as a table: for each workload and peer the median, the spread of the middle half, and how it compares.

export interface Row {
  readonly workload: string;
  readonly title: string;
  /** Microseconds for one operation, a sample each round, by peer. */
  readonly samples: ReadonlyMap<string, readonly number[]>;
}

/** The value below which a share of the samples lies, interpolated. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)] ?? Number.NaN;
  const above = sorted[Math.ceil(at)] ?? Number.NaN;
  return below + (above - below) * (at - Math.floor(at));
}

export function printTable(rows: readonly Row[], rounds: number): void {
  console.log(`Medians of ${rounds} interleaved rounds; µs for one operation, less is better.`);
  for (const { workload, title, samples } of rows) {
    console.log(`\n${workload}: ${title}`);
    const plain = median(samples.get('plain'));
    const overlay = median(samples.get('fuse-overlayfs'));
    console.log(line(['', 'µs', 'middle half', '× plain', '× fuse-overlayfs']));
    for (const [peer, values] of samples) {
      const half = `${number(quantile(values, 0.25))} – ${number(quantile(values, 0.75))}`;
      const own = median(values);
      console.log(line([peer, number(own), half, ratio(own, plain), ratio(own, overlay)]));
    }
  }
}

function median(samples: readonly number[] | undefined): number {
  return samples ? quantile(samples, 0.5) : Number.NaN;
}

function number(value: number): string {
  return value.toFixed(value < 10 ? 2 : 1);
}

function ratio(value: number, to: number): string {
  return Number.isNaN(value / to) ? '' : (value / to).toFixed(2);
}

function line(cells: readonly string[]): string {
  return cells.map((cell, i) => (i === 0 ? cell.padEnd(16) : cell.padStart(18))).join('');
}
