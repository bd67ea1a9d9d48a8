/**
 * Paths and option texts as they appear in messages: one line whatever they hold. Control characters, line
 * separators and the characters that turn the writing direction are written as escapes; the rest stays as it is.
 */

// C0, DEL and C1, soft separators of lines and paragraphs, direction marks, lone surrogates, and the backslash.
const UNSAFE = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\p{Cs}\\]/gu;

const SHORT: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\' };

export function printable(text: string): string {
  return text.replace(UNSAFE, (c) => SHORT[c] ?? escapeCode(c.charCodeAt(0)));
}

/** A path as it is typed to a shell, for the commands that a message names. */
export function shellWord(path: string): string {
  const word = path.startsWith('-') ? `./${path}` : path;
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  if (!/[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/u.test(word))
    return `'${word.replaceAll("'", `'\\''`)}'`;
  // \xNN is a byte there, so what is not ASCII is written as \uNNNN.
  const coded = (c: string) =>
    c <= '\x7f' ? printable(c) : `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return `$'${word.replace(UNSAFE, coded).replaceAll("'", "\\'")}'`;
}

function escapeCode(code: number): string {
  return code < 0x100
    ? `\\x${code.toString(16).padStart(2, '0')}`
    : `\\u${code.toString(16).padStart(4, '0')}`;
}

/** The message of anything that was thrown, as one line. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join('; ')
    .replace(/\p{Cc}/gu, (c) => escapeCode(c.charCodeAt(0)));
}
