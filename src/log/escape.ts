// Values of a log line. A file name is any bytes without NUL and slash: it may hold line ends, terminal controls, text that turns the
// direction of writing, or no valid UTF-8. None of it reaches the log as it is, so that no name can forge a line or hide in one.
import { isUtf8 } from 'node:buffer';

/** What a field may hold. Bytes are a name, with or without its final NUL. An undefined field is left out. */
export type LogValue = string | number | bigint | boolean | Uint8Array | undefined;

const bare = /^[\w./:@%+,*~^-]+$/;

// Quote and backslash; controls (Cc), format characters (Cf: bidirectional overrides, zero widths), half surrogates (Cs), and
// Unicode's own line and paragraph separators (Zl, Zp).
const special = /["\\\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

function escapeCharacter(character: string): string {
  switch (character) {
    case '"':
    case '\\':
      return `\\${character}`;
    case '\n':
      return '\\n';
    case '\r':
      return '\\r';
    case '\t':
      return '\\t';
  }
  const code = character.codePointAt(0) as number;
  return code < 0x80 ? escapeByte(code) : `\\u{${code.toString(16)}}`;
}

function escapeByte(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, '0')}`;
}

const escapeText = (text: string): string => text.replace(special, escapeCharacter);

/** Valid UTF-8 as text, every other byte as \xNN. */
function escapeBytes(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isUtf8(buffer)) return escapeText(buffer.toString('utf8'));
  let text = '';
  for (let at = 0; at < buffer.length; ) {
    const lead = buffer[at] as number;
    const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    const sequence = buffer.subarray(at, at + length);
    if (isUtf8(sequence)) {
      text += escapeText(sequence.toString('utf8'));
      at += length;
    } else {
      text += escapeByte(lead);
      at += 1;
    }
  }
  return text;
}

/** A value in logfmt: bare when it is plain, else in double quotes: `\"`, `\\`, `\n`, `\r`, `\t`, `\xNN` a byte, `\u{N…}` a character. */
export function escapeValue(value: Exclude<LogValue, undefined>): string {
  if (value instanceof Uint8Array) {
    const name = value[value.length - 1] === 0 ? value.subarray(0, -1) : value;
    const text = escapeBytes(name);
    return bare.test(text) ? text : `"${text}"`;
  }
  const text = String(value);
  return bare.test(text) ? text : `"${escapeText(text)}"`;
}
