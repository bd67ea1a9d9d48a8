// The few value types that the whole project shares: 64-bit integers without loss, and numbers that must not be mixed up.

declare const nodeIdBrand: unique symbol;
declare const fileHandleBrand: unique symbol;

/** A 64-bit integer: a number when it is exact (|v| ≤ 2^53-1), else a bigint. */
export type Int64 = number | bigint;

/** A node's number on the wire. Given out by this side, always an exact number below 2^53, never used twice in a mount. */
export type NodeId = number & { readonly [nodeIdBrand]: true };

/** An open file's number on the wire. Given out by this side, always an exact number below 2^53. */
export type FileHandle = number & { readonly [fileHandleBrand]: true };

/** A name: its last byte is NUL and it holds no other NUL. Never a JavaScript string: a name need not be UTF-8. */
export type CString = Uint8Array;

/** The root's node id (kernel header: FUSE_ROOT_ID). */
export const FUSE_ROOT_ID = 1 as NodeId;

export const TWO_32 = 0x1_0000_0000;

/** Upper words from this one on make a 64-bit value inexact as a number: 2^53 / 2^32. */
export const INEXACT_HIGH_WORD = 0x20_0000;

/** The unsigned 64-bit value of two u32 words. */
export function int64(lo: number, hi: number): Int64 {
  return hi < INEXACT_HIGH_WORD ? hi * TWO_32 + lo : (BigInt(hi) << 32n) | BigInt(lo);
}

/** The signed 64-bit value of two u32 words. */
export function signedInt64(lo: number, hi: number): Int64 {
  const near = (hi | 0) * TWO_32 + lo;
  return Number.isSafeInteger(near) ? near : BigInt.asIntN(64, (BigInt(hi) << 32n) | BigInt(lo));
}

/** The lower u32 word of a 64-bit value, two's complement when it is negative. */
export function lowWord(value: Int64): number {
  return typeof value === 'number' ? value >>> 0 : Number(value & 0xffff_ffffn);
}

/** The upper u32 word of a 64-bit value, two's complement when it is negative. */
export function highWord(value: Int64): number {
  return typeof value === 'number' ? Math.floor(value / TWO_32) >>> 0 : Number((value >> 32n) & 0xffff_ffffn);
}
