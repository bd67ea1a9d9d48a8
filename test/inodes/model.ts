// The inode table's rules in plain objects: slow, obvious, and what the table is compared with.

export const ROOT = 1;
export const DIR = 0o040000;

export interface ModelNode {
  id: number;
  type: number;
  key: string; // identity
  hashed: boolean; // found by its identity
  lookups: number;
  names: string[]; // the most recent first
  handles: number[];
  fds: number[];
  locked: boolean;
}

export class Model {
  readonly nodes = new Map<number, ModelNode>();
  readonly dentries = new Map<string, number>(); // "parent/name" → node
  readonly everUsed = new Set<number>([ROOT]);
  readonly handles = new Map<number, number>();
  readonly closing: number[] = [];

  constructor() {
    this.nodes.set(ROOT, { ...newNode(ROOT, DIR, '0:0'), lookups: 1 });
  }

  node(id: number): ModelNode {
    return this.nodes.get(id) as ModelNode;
  }

  create(id: number, type: number, key: string): void {
    this.nodes.set(id, newNode(id, type, key));
    this.everUsed.add(id);
  }

  twins(type: number, key: string): number[] {
    return [...this.nodes.values()]
      .filter((n) => n.hashed && n.type === type && n.key === key)
      .map((n) => n.id);
  }

  isWithin(id: number, ancestor: number): boolean {
    for (let at: number | undefined = id; at; at = this.parent(at)) if (at === ancestor) return true;
    return false;
  }

  parent(id: number): number | undefined {
    const name = this.node(id).names[0];
    return name === undefined ? undefined : Number(name.split('/')[0]);
  }

  drop(name: string): void {
    const id = this.dentries.get(name);
    if (id === undefined) return;
    this.dentries.delete(name);
    const node = this.node(id);
    node.names = node.names.filter((other) => other !== name);
  }

  /** Puts a name at the front of the node's. */
  put(name: string, id: number): void {
    this.drop(name);
    this.dentries.set(name, id);
    this.node(id).names.unshift(name);
  }

  /** A directory has one name. */
  give(name: string, id: number): void {
    if (this.node(id).type === DIR)
      for (const other of [...this.node(id).names]) if (other !== name) this.drop(other);
    this.put(name, id);
  }

  /** Frees what nothing keeps, until nothing is left to free. */
  settle(): void {
    for (let again = true; again; ) {
      again = false;
      const parents = new Set([...this.dentries.keys()].map((name) => Number(name.split('/')[0])));
      for (const node of this.nodes.values()) {
        if (node.lookups > 0 || node.handles.length > 0 || node.locked || parents.has(node.id)) continue;
        for (const name of [...node.names]) this.drop(name);
        this.closing.push(...node.fds);
        this.nodes.delete(node.id);
        again = true;
      }
    }
  }
}

function newNode(id: number, type: number, key: string): ModelNode {
  return { id, type, key, hashed: true, lookups: 0, names: [], handles: [], fds: [], locked: false };
}
