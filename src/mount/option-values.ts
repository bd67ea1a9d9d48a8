/**
 * One word of the option string against its row of the table: the value as it is used, or a UsageError.
 */
import { UsageError } from './errors.ts';
import { isNear } from './near.ts';
import { type OptionWord, splitList, unescapeValue } from './option-words.ts';
import { NOTE, OPTIONS, type OptionRow, optionRow } from './options-table.ts';
import { printable } from './printable.ts';

export type OptionValue = string | number | boolean | readonly string[];

/** The row and the value of a word, which follows the word `before`; undefined for words that are of no meaning here. */
export function readWord(
  word: OptionWord,
  before?: OptionWord,
): { row: OptionRow; value: OptionValue } | undefined {
  if (NOTE.test(word.name)) return undefined;
  const row = optionRow(word.name);
  if (row === undefined) throw unknown(word.name, before);
  const value = readValue(row, word.raw);
  return row.kind === 'ignored' && row.name !== 'user' && !implies(row.name) ? undefined : { row, value };
}

function implies(name: string): boolean {
  return name === 'users' || name === 'owner' || name === 'group';
}

function readValue(row: OptionRow, raw: string | undefined): OptionValue {
  switch (row.kind) {
    case 'refused':
      throw new UsageError('OPTION_UNAVAILABLE', `option ${row.name}: ${row.help}`);
    case 'flag':
    case 'switch':
      if (raw !== undefined) throw bad(row, 'takes no value', `write ${row.name}`);
      return true;
    case 'ignored':
      if (raw !== undefined && !row.value) throw bad(row, 'takes no value', `write ${row.name}`);
      return true;
    case 'list':
      return splitList(row.name, given(row, raw, row.value));
    case 'text':
      return unescapeValue(given(row, raw, row.value));
    case 'kernel':
      return `${row.name}=${given(row, raw, row.value)}`;
    case 'choice':
      return choice(row, unescapeValue(given(row, raw, row.choices.join('|'))));
    case 'number':
      return count(row, given(row, raw, 'N'));
    case 'size':
      return size(row, given(row, raw, 'SIZE'));
  }
}

function given(row: OptionRow, raw: string | undefined, what: string): string {
  if (raw === undefined || raw === '') throw bad(row, 'needs a value', `write ${row.name}=${what}`);
  if (raw.includes('\0')) throw bad(row, 'holds a NUL character', 'leave it out');
  return raw;
}

function choice(row: OptionRow & { kind: 'choice' }, value: string): string {
  if (!row.choices.includes(value)) {
    throw bad(row, `cannot be "${printable(value)}"`, `write ${row.name}=${row.choices.join('|')}`);
  }
  const reason = row.unavailable?.[value];
  if (reason !== undefined) {
    throw new UsageError(
      'OPTION_UNAVAILABLE',
      `option ${row.name}=${value} is ${reason}: write ${row.name}=${row.initial}`,
    );
  }
  return value;
}

function count(row: OptionRow & { kind: 'number' }, raw: string): number {
  const n = /^\d{1,15}$/.test(raw) ? Number(raw) : Number.NaN;
  if (!(n >= row.min && n <= row.max)) {
    throw bad(row, `cannot be "${printable(raw)}"`, `write a number from ${row.min} to ${row.max}`);
  }
  return n;
}

const UNITS = ['', 'K', 'M', 'G', 'T'];

/** Bytes of `8G`, `512M`, `1073741824`; NaN when it is none. */
export function parseSize(text: string): number {
  const match = /^(\d{1,15})([kmgt]?)(?:i?b)?$/i.exec(text);
  return match === null
    ? Number.NaN
    : Number(match[1]) * 1024 ** UNITS.indexOf((match[2] ?? '').toUpperCase());
}

function size(row: OptionRow & { kind: 'size' }, raw: string): number {
  const bytes = parseSize(raw);
  if (!(bytes >= row.min && bytes <= row.max)) {
    throw bad(
      row,
      `cannot be "${printable(raw)}"`,
      `write a size from ${sizeText(row.min)} to ${sizeText(row.max)}`,
    );
  }
  return bytes;
}

function sizeText(bytes: number): string {
  const unit = UNITS.findLastIndex((_, power) => bytes >= 1024 ** power);
  return `${bytes / 1024 ** unit}${UNITS[unit]}`;
}

function bad(row: OptionRow, what: string, mend: string): UsageError {
  return new UsageError('OPTION_VALUE', `option ${row.name} ${what}: ${mend}`);
}

function unknown(name: string, before: OptionWord | undefined): UsageError {
  const near = OPTIONS.find((row) => row.kind !== 'refused' && isNear(row.name, name));
  const mend = near === undefined ? 'migratefs --help lists those that are' : `is ${near.name} meant?`;
  const kind = before?.raw === undefined ? undefined : optionRow(before.name)?.kind;
  const comma =
    kind === 'list' || kind === 'text' ? `; a comma that belongs to ${before?.name} is written \\,` : '';
  return new UsageError('OPTION_UNKNOWN', `option "${printable(name)}" is not known: ${mend}${comma}`);
}
