// What goes between the suite's processes: JSON, with bytes and large integers wrapped.

export function pack(value: unknown): string {
  return JSON.stringify(value, (_key, each) => {
    if (typeof each === 'bigint') return { bigint: String(each) };
    if (each instanceof Uint8Array) return { bytes: [...each] };
    return each;
  });
}

export function unpack(text: string): unknown {
  return JSON.parse(text, (_key, each) => {
    if (typeof each?.bigint === 'string') return BigInt(each.bigint);
    if (Array.isArray(each?.bytes)) return Uint8Array.from(each.bytes);
    return each;
  });
}
