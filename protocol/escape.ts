// Names as text for log lines: any bytes, on one line, without characters that a terminal would act on.

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

// Control, format and private characters, line and paragraph separators, backslash and quote.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}\\"]/u;

/** UTF-8 as it is, every other byte and every unprintable character as `\xNN`; `\` and `"` are escaped too. */
export function escapeBytes(bytes: Uint8Array): string {
  let text = '';
  let at = 0;
  while (at < bytes.length) {
    const length = sequenceLength(bytes[at] as number);
    const character = decoded(bytes.slice(at, at + length));
    const end = character === undefined ? at + 1 : at + length;
    text += character === undefined || UNPRINTABLE.test(character) ? hex(bytes.subarray(at, end)) : character;
    at = end;
  }
  return text;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
}

/** Bytes of the UTF-8 sequence that a byte begins. */
function sequenceLength(lead: number): number {
  if (lead < 0xc0) return 1;
  if (lead < 0xe0) return 2;
  return lead < 0xf0 ? 3 : 4;
}

function decoded(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}
