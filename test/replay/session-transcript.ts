// A transcript: how the layers were laid out, every message of a mount in both directions, and what became of the layers. One
// JSON value a line; messages as hex, with the line that the printer makes of them, for those who read the diff.

import { readFileSync, writeFileSync } from 'node:fs';
import { Dialect } from '../../protocol/index.ts';
import type { Recipe, Snapshot } from './session-layers.ts';

export interface Exchanged {
  readonly request: Uint8Array;
  /** Absent when there was none. */
  readonly reply?: Uint8Array;
  /** The messages in words. */
  readonly words: readonly [request: string, reply?: string];
}

export interface Transcript {
  readonly about: string;
  readonly recipe: Recipe;
  /** What ordinary programs did on the mount, `$M`. */
  readonly script: string;
  readonly dialect: Dialect;
  readonly messages: readonly Exchanged[];
  readonly after: Snapshot;
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));

export function writeTranscript(path: string, { dialect, messages, after, ...head }: Transcript): void {
  const spoken = { minor: dialect.minor, flags: `0x${dialect.flags.toString(16)}` };
  const lines: object[] = [
    { ...head, dialect: spoken },
    ...messages.map(({ request, reply, words }) => ({
      words,
      request: hex(request),
      ...(reply && { reply: hex(reply) }),
    })),
    { after },
  ];
  writeFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

export function readTranscript(path: string): Transcript {
  const lines = readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const { dialect, ...head } = lines[0];
  return {
    ...head,
    dialect: new Dialect(dialect.minor, BigInt(dialect.flags)),
    messages: lines.slice(1, -1).map(({ words, request, reply }) => ({
      words,
      request: bytes(request),
      ...(reply !== undefined && { reply: bytes(reply) }),
    })),
    after: lines.at(-1).after,
  };
}
