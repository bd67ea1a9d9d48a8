// Builds fixture files: annotated bytes, and what decoding them must give. Independent of the codec under test: fields are
// listed again by hand in the cases, and every field that a case does not set gets a marker that no other field has.

/** A 64-bit value in the expected block is a number when exact, else its decimal digits in a string. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** One run of bytes with its annotation; `name` (dotted when nested) puts its value into the expected block. */
export interface Part {
  readonly bytes: number[];
  readonly note: string;
  readonly name?: string;
  readonly value?: Json;
}

/** A part whose marker depends on its place in the message. */
type Slot = (place: number) => Part;

export type Fields = readonly Slot[];

const littleEndian = (value: bigint, width: number) =>
  Array.from({ length: width }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));

const toBigint = (bytes: readonly number[]) =>
  bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);

function toJson(value: bigint): Json {
  return value >= -(2n ** 53n - 1n) && value < 2n ** 53n ? Number(value) : value.toString();
}

/** Every byte differs from its neighbours and says its place: 0x05 0x45 0x85 0xc5 … in the fifth field. */
function marker(place: number, width: number, exact = false): number[] {
  const bytes = Array.from(
    { length: width },
    (_, i) => ((i & 3) * 0x40 + ((place + (i >> 2) * 0x20) & 0x3f)) & 0xff,
  );
  if (exact) {
    bytes[6] = place & 0x1f;
    bytes[7] = 0;
  }
  return bytes;
}

function integer(width: number, signed: boolean, exact = false) {
  return (name: string, value?: number | bigint): Slot =>
    (place) => {
      const bytes = value === undefined ? marker(place, width, exact) : littleEndian(BigInt(value), width);
      const unsigned = toBigint(bytes);
      const number = signed ? BigInt.asIntN(8 * width, unsigned) : unsigned;
      return { bytes, note: name, name, value: toJson(number) };
    };
}

export const u16 = integer(2, false);
export const u32 = integer(4, false);
export const i32 = integer(4, true);
export const u64 = integer(8, false);
export const i64 = integer(8, true);
/** A node id or file handle: below 2^53. */
export const id = integer(8, false, true);

/** `count` integers in a row under one name. */
export const many =
  (slot: (name: string) => Slot, name: string, count: number): Slot =>
  (place) => {
    const parts = Array.from({ length: count }, (_, i) => slot(name)(place + i));
    return {
      bytes: parts.flatMap((part) => part.bytes),
      note: `${name}[${count}]`,
      name,
      value: parts.map((part) => part.value as Json),
    };
  };

/** Text as bytes, one for each character: \u00ff is 0xff. */
export const latin1 = (text: string) => Array.from(text, (character) => character.charCodeAt(0));

/** Bytes that no field names. */
export const raw =
  (bytes: number[] | string, note = typeof bytes === 'string' ? JSON.stringify(bytes) : 'padding'): Slot =>
  () => ({ bytes: typeof bytes === 'string' ? latin1(bytes) : bytes, note });

export const zeros = (count: number, note = 'padding') => raw(new Array<number>(count).fill(0), note);

/** Nests fields under a name. */
export const within = (name: string, fields: Fields): Slot[] =>
  fields.map((slot) => (place) => {
    const part = slot(place);
    return part.name === undefined
      ? part
      : { ...part, name: `${name}.${part.name}`, note: `${name}.${part.note}` };
  });

/** Fixes the markers' places from `first` on. */
export function place(slots: Fields, first = 1): Part[] {
  return slots.map((slot, i) => slot(first + i));
}

export const lengthOf = (parts: readonly Part[]) => parts.reduce((sum, part) => sum + part.bytes.length, 0);

/** The named values of parts, nested by their dots. */
export function valuesOf(parts: readonly Part[]): { [key: string]: Json } {
  const values: { [key: string]: Json } = {};
  for (const { name, value } of parts) {
    if (name === undefined || value === undefined) continue;
    const path = name.split('.');
    const last = path.pop() as string;
    let target = values;
    for (const key of path) {
      target[key] ??= {};
      target = target[key] as { [key: string]: Json };
    }
    target[last] = value;
  }
  return values;
}

export interface Case {
  /** The file's name, without its folder and ending. */
  readonly file: string;
  readonly title: string;
  /** What the replay needs to know, one word each: `request`, `minor=45`. */
  readonly setting: readonly string[];
  readonly parts: readonly Part[];
  readonly expected: Json;
}

/** The file's text. */
export function textOf({ title, setting, parts, expected }: Case): string {
  const lines = [`# ${title}`, setting.join(' '), ''];
  for (const { bytes, note } of parts) {
    for (let at = 0; at < bytes.length; at += 16) {
      const hex = bytes.slice(at, at + 16).map((byte) => byte.toString(16).padStart(2, '0'));
      lines.push(at === 0 ? `${hex.join(' ').padEnd(48)} # ${note}` : hex.join(' '));
    }
  }
  return `${lines.join('\n')}\n---\n${JSON.stringify(expected, null, 2)}\n`;
}
