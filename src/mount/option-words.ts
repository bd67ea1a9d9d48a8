/**
 * The grammar of an option string: words separated by commas, each `name` or `name=value`. In a value `\,` `\:` and
 * `\\` stand for the second character; any other backslash stands for itself. A security label may stand in double
 * quotes, which then protect its commas and stay part of it, as the kernel wants it.
 */
import { UsageError } from './errors.ts';

export interface OptionWord {
  readonly name: string;
  /** Undefined when there was no `=`. Escapes are still in it. */
  readonly raw: string | undefined;
}

const QUOTED_LABEL = /^(?:fs|def|root)?context="[^"]*"/;

export function splitOptions(text: string): OptionWord[] {
  const words: OptionWord[] = [];
  let start = 0;
  while (start <= text.length) {
    const end = wordEnd(text, start);
    if (end > start) words.push(toWord(text.slice(start, end)));
    start = end + 1;
  }
  return words;
}

function wordEnd(text: string, start: number): number {
  const label = QUOTED_LABEL.exec(text.slice(start));
  let at = start + (label?.[0].length ?? 0);
  while (at < text.length && text[at] !== ',') at += text[at] === '\\' ? 2 : 1;
  return Math.min(at, text.length);
}

function toWord(word: string): OptionWord {
  const equals = word.indexOf('=');
  if (equals < 0) return { name: word, raw: undefined };
  return { name: word.slice(0, equals), raw: word.slice(equals + 1) };
}

export function unescapeValue(raw: string): string {
  return raw.replace(/\\([\\,:])/g, '$1');
}

/** `A:B` as a list; `\:` does not separate. */
export function splitList(name: string, raw: string): string[] {
  const items: string[] = [];
  let start = 0;
  for (let at = 0; at <= raw.length; at++) {
    if (raw[at] === '\\') at++;
    else if (at === raw.length || raw[at] === ':') {
      items.push(unescapeValue(raw.slice(start, at)));
      start = at + 1;
    }
  }
  if (start < raw.length) items.push(unescapeValue(raw.slice(start)));
  if (items.includes('')) {
    throw new UsageError(
      'OPTION_VALUE',
      `option ${name} holds an empty path: name each directory, ${name}=A:B`,
    );
  }
  return items;
}

/** For fusermount3, which takes a backslash before a comma or a backslash in its values. */
export function escapeValue(value: string): string {
  return value.replace(/[\\,]/g, '\\$&');
}

/** A word for `parseOptions` that means exactly this value. */
export function optionText(name: string, value: string): string {
  return `${name}=${escapeValue(value)}`;
}
