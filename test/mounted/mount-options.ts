// What a mount of a test is mounted with.

/** For all mounts but those that say otherwise: `MIGRATEFS_TEST_OPTIONS=passthrough=upper npm test`. */
const asked = (process.env.MIGRATEFS_TEST_OPTIONS ?? '').split(',').filter(Boolean);

/** Whether all mounts have the option, a word as in `-o`. */
export const isAsked = (option: string): boolean => asked.includes(option);

const nameOf = (word: string) => word.split('=', 1)[0];

/** The mount options of layers, with `more` and what was asked for. */
export function optionsFor({ lower, upper }: { lower: string[]; upper: string }, more: string): string {
  const own = more.split(',').filter(Boolean);
  const others = asked.filter((word) => !own.some((each) => nameOf(each) === nameOf(word)));
  return [`lowerdir=${lower.join(':')}`, `upperdir=${upper}`, ...others, ...own].join(',');
}
