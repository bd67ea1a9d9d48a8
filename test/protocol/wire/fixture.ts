// Reads fixture files: `#` comments, a line of settings, hex bytes, `---`, and what must come of them as JSON.
import { readdirSync, readFileSync } from 'node:fs';
import { Dialect } from '../../../protocol/index.ts';
import type { Json } from './builder.ts';

export const WIRE = new URL('../../../fixtures/wire/', import.meta.url);
export const HOSTILE = new URL('../../../fixtures/hostile/', import.meta.url);

export interface Fixture {
  readonly file: string;
  readonly kind: string;
  readonly settings: ReadonlyMap<string, string>;
  readonly bytes: Uint8Array;
  readonly expected: { readonly [key: string]: Json };
}

export function readFixture(folder: URL, file: string): Fixture {
  const [head = '', expected = ''] = readFileSync(new URL(file, folder), 'utf8').split(/^---$/m);
  const lines = head
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '');
  const [kind = '', ...settings] = lines.shift()?.split(' ') ?? [];
  const pairs = settings.map((setting) => setting.split('=') as [string, string]);
  const bytes = lines.flatMap((line) => line.split(/\s+/)).map((hex) => Number.parseInt(hex, 16));
  return {
    file,
    kind,
    settings: new Map(pairs),
    bytes: Uint8Array.from(bytes),
    expected: JSON.parse(expected),
  };
}

/** All fixtures of a folder, or those of one kind. */
export function readFixtures(folder: URL, kind?: string): Fixture[] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.txt') && file !== 'kernel-header.txt');
  return files
    .sort()
    .map((file) => readFixture(folder, file))
    .filter((fixture) => kind === undefined || fixture.kind === kind);
}

export function dialectOf({ settings }: Fixture): Dialect {
  return new Dialect(Number(settings.get('minor')), BigInt(settings.get('flags') ?? 0));
}

/** A decoded message as a fixture's JSON writes it: bytes as text of one character each, inexact integers as digits. */
export function plain(value: unknown, key = ''): Json {
  if (value instanceof Uint8Array) {
    // Names lose their NUL: the builder writes it, the codec hands it out.
    const bytes = key === 'names' || key === 'name' ? value.subarray(0, value.indexOf(0) >>> 0) : value;
    return Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  }
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return value.map((item) => plain(item, key));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item, name)]));
  }
  return value as Json;
}
