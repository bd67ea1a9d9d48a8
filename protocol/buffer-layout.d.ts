// Types for the part of buffer-layout 1.2 that the codec uses; the package ships none.
// Its own scalars want a Buffer and lose bits above 2^53, so only the composite layouts are declared here.
declare module 'buffer-layout' {
  export class Layout<T> {
    constructor(span: number, property?: string);
    readonly span: number;
    readonly property: string | undefined;
    decode(bytes: Uint8Array, offset?: number): T;
    encode(value: T, bytes: Uint8Array, offset?: number): number;
    getSpan(bytes?: Uint8Array, offset?: number): number;
    replicate(property: string): this;
  }

  export class Sequence<T> extends Layout<T[]> {
    constructor(element: Layout<T>, count: number, property?: string);
  }

  export class Structure<T> extends Layout<T> {
    constructor(fields: Layout<unknown>[], property?: string);
    readonly fields: readonly Layout<unknown>[];
    offsetOf(property: string): number | undefined;
  }
}
