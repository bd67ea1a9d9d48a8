// One operation of the sick file system in hand.

import type { Reply, Request } from '../../protocol/index.ts';
import type { Node, Nodes } from './nodes.ts';

export interface Work {
  readonly request: Request;
  readonly reply: Reply;
  readonly nodes: Nodes;
  /** What the request is about. */
  readonly node: Node;
  /** Bytes that a READ or WRITE may take. */
  readonly most: number;
}

/** Does an operation. @returns the length of the answer's body, or a negative errno */
export type Serve = (work: Work) => number;
