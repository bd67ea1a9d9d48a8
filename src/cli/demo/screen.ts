// What the demo prints: aligned lines, a table, and colours where a person reads them.
import { print } from '../output.ts';

type Colour = 'dim' | 'bold' | 'red' | 'green' | 'yellow' | 'cyan';

const CODES: Record<Colour, string> = {
  dim: '2',
  bold: '1',
  red: '31',
  green: '32',
  yellow: '33',
  cyan: '36',
};

/** NO_COLOR as no-color.org has it: set, and not empty. */
const coloured = process.stdout.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb';

export function paint(colour: Colour, text: string): string {
  return coloured ? `\x1b[${CODES[colour]}m${text}\x1b[0m` : text;
}

export function line(text = ''): void {
  print(`${text}\n`);
}

export interface Cell {
  readonly text: string;
  readonly colour?: Colour | undefined;
  /** Numbers stand at the right of their column. */
  readonly right?: boolean;
}

/** Columns as wide as their widest cell; what follows the last one is not padded. */
export function table(rows: readonly (readonly Cell[])[]): void {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach(({ text }, i) => {
      widths[i] = Math.max(widths[i] ?? 0, text.length);
    });
  }
  for (const row of rows) {
    const cells = row.map(({ text, colour, right }, i) => {
      const gap = ' '.repeat((widths[i] as number) - text.length);
      const shown = colour === undefined ? text : paint(colour, text);
      return right ? gap + shown : shown + gap;
    });
    line(`  ${cells.join('   ')}`.trimEnd());
  }
}
