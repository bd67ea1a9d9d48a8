// 64-bit fields of the kernel's structs, as two little-endian words.
import { highWord, type Int64, lowWord } from '../../protocol/types.ts';

export type { Int64 };

/** Writes `value` at `words[index]` and the next; negative values in two's complement. */
export function putInt64(words: Uint32Array, index: number, value: Int64): void {
  words[index] = lowWord(value);
  words[index + 1] = highWord(value);
}
