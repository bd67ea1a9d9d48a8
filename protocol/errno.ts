// Error numbers and their names.
import * as numbers from './errno-numbers.ts';

export * from './errno-numbers.ts';

const names = new Map<number, string>();
// Alphabetical order would prefer some second names; the first name of a number is the one without an alias.
const ALIASES: ReadonlySet<string> = new Set(['EWOULDBLOCK', 'EDEADLOCK', 'ENOTSUP']);
for (const [name, number] of Object.entries(numbers)) {
  if (!ALIASES.has(name)) names.set(number, name);
}

/** The largest number that the kernel takes in a reply: it refuses 512 and above (internal numbers). */
export const MAX_ERRNO = 511;

/** The name of an error number, of either sign: `ENOENT` for 2 and -2; `errno 999` for a number that has none. */
export function errnoName(number: number): string {
  return names.get(Math.abs(number)) ?? `errno ${Math.abs(number)}`;
}
