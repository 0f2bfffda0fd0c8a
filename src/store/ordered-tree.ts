/**
 * A sorted map from bytes to bytes whose snapshots cost nothing: a B+ tree that copies on write.
 *
 * Every node carries the *edition* it was made in. Taking a snapshot starts a new edition; a write changes
 * nodes of the present edition in place and copies older ones on its way down. So a snapshot is one root
 * pointer, and a node is copied at most once between two snapshots.
 */
import { compareBytes } from '../base/index.ts';

/** Fewer make the tree deep, more make copies dear. */
const NODE_ENTRIES_MAX = 64;

export type Pair = [key: Buffer, value: Buffer];

interface Leaf {
  readonly edition: number;
  readonly children: undefined;
  readonly keys: Buffer[];
  readonly values: Buffer[];
}

interface Branch {
  readonly edition: number;
  /** `keys[i]` parts `children[i]` (below it) from `children[i + 1]` (at or above it). */
  readonly keys: Buffer[];
  readonly children: Node[];
}

type Node = Leaf | Branch;

/** A tree as it was at one moment. */
export type TreeRoot = Node;

export interface TreeRange {
  readonly from: Uint8Array;
  /** Exclusive. */
  readonly to: Uint8Array;
  readonly reverse: boolean;
}

export class OrderedTree {
  #edition = 0;
  #root: Node = { edition: 0, children: undefined, keys: [], values: [] };
  #size = 0;

  /** Number of pairs. */
  get size(): number {
    return this.#size;
  }

  get root(): TreeRoot {
    return this.#root;
  }

  /** The tree as it is now; later changes leave it alone. */
  snapshot(): TreeRoot {
    this.#edition += 1;
    return this.#root;
  }

  /** Keeps both buffers. */
  set(key: Buffer, value: Buffer): void {
    this.#root = this.#own(this.#root);
    const split = this.#insert(this.#root, key, value);
    if (split !== undefined) {
      this.#root = { edition: this.#edition, keys: [split.least], children: [this.#root, split.right] };
    }
  }

  delete(key: Uint8Array): void {
    if (treeGet(this.#root, key) === undefined) return;
    this.#root = this.#own(this.#root);
    this.#size -= 1;
    if (this.#remove(this.#root, key)) {
      this.#root = { edition: this.#edition, children: undefined, keys: [], values: [] };
    }
    // A branch with one child says nothing; without this the tree would keep its greatest depth for ever.
    while (this.#root.children !== undefined && this.#root.children.length === 1) {
      this.#root = this.#root.children[0] as Node;
    }
  }

  #own<N extends Node>(node: N): N {
    if (node.edition === this.#edition) return node;
    const keys = [...node.keys];
    return node.children === undefined
      ? { ...node, edition: this.#edition, keys, values: [...node.values] }
      : { ...node, edition: this.#edition, keys, children: [...node.children] };
  }

  /** Into a node of this edition; gives the right half when the node had to be parted. */
  #insert(node: Node, key: Buffer, value: Buffer): { least: Buffer; right: Node } | undefined {
    if (node.children === undefined) {
      const index = lowerBound(node.keys, key);
      const found = node.keys[index];
      if (found !== undefined && compareBytes(found, key) === 0) {
        node.values[index] = value;
        return undefined;
      }
      node.keys.splice(index, 0, key);
      node.values.splice(index, 0, value);
      this.#size += 1;
      return node.keys.length > NODE_ENTRIES_MAX ? this.#splitLeaf(node) : undefined;
    }
    const index = upperBound(node.keys, key);
    const child = this.#own(node.children[index] as Node);
    node.children[index] = child;
    const split = this.#insert(child, key, value);
    if (split === undefined) return undefined;
    node.keys.splice(index, 0, split.least);
    node.children.splice(index + 1, 0, split.right);
    return node.children.length > NODE_ENTRIES_MAX ? this.#splitBranch(node) : undefined;
  }

  #splitLeaf(node: Leaf): { least: Buffer; right: Node } {
    const half = node.keys.length >> 1;
    const keys = node.keys.splice(half);
    const values = node.values.splice(half);
    return { least: keys[0] as Buffer, right: { edition: this.#edition, children: undefined, keys, values } };
  }

  #splitBranch(node: Branch): { least: Buffer; right: Node } {
    const half = node.children.length >> 1;
    const children = node.children.splice(half);
    const keys = node.keys.splice(half);
    const least = node.keys.pop() as Buffer;
    return { least, right: { edition: this.#edition, keys, children } };
  }

  /** From a node of this edition that holds the key. Nodes may run low; tells whether this one ran empty. */
  #remove(node: Node, key: Uint8Array): boolean {
    if (node.children === undefined) {
      const index = lowerBound(node.keys, key);
      node.keys.splice(index, 1);
      node.values.splice(index, 1);
      return node.keys.length === 0;
    }
    const index = upperBound(node.keys, key);
    const child = this.#own(node.children[index] as Node);
    node.children[index] = child;
    if (this.#remove(child, key)) {
      node.children.splice(index, 1);
      node.keys.splice(Math.max(0, index - 1), 1);
    }
    return node.children.length === 0;
  }
}

export function treeGet(root: TreeRoot, key: Uint8Array): Buffer | undefined {
  let node = root;
  while (node.children !== undefined) node = node.children[upperBound(node.keys, key)] as Node;
  const index = lowerBound(node.keys, key);
  const found = node.keys[index];
  return found !== undefined && compareBytes(found, key) === 0 ? node.values[index] : undefined;
}

/** The first `count` pairs of the range, in its direction. */
export function treeScan(root: TreeRoot, range: TreeRange, count: number): Pair[] {
  const pairs: Pair[] = [];
  if (count > 0 && compareBytes(range.from, range.to) < 0) {
    if (range.reverse) collectDown(root, range, count, pairs);
    else collectUp(root, range, count, pairs);
  }
  return pairs;
}

function collectUp(node: Node, range: TreeRange, count: number, pairs: Pair[]): void {
  if (node.children !== undefined) {
    const end = lowerBound(node.keys, range.to);
    for (let i = upperBound(node.keys, range.from); i <= end && pairs.length < count; i++) {
      collectUp(node.children[i] as Node, range, count, pairs);
    }
    return;
  }
  const end = lowerBound(node.keys, range.to);
  for (let i = lowerBound(node.keys, range.from); i < end && pairs.length < count; i++) {
    pairs.push([node.keys[i] as Buffer, node.values[i] as Buffer]);
  }
}

function collectDown(node: Node, range: TreeRange, count: number, pairs: Pair[]): void {
  if (node.children !== undefined) {
    const end = upperBound(node.keys, range.from);
    for (let i = lowerBound(node.keys, range.to); i >= end && pairs.length < count; i--) {
      collectDown(node.children[i] as Node, range, count, pairs);
    }
    return;
  }
  const end = lowerBound(node.keys, range.from);
  for (let i = lowerBound(node.keys, range.to) - 1; i >= end && pairs.length < count; i--) {
    pairs.push([node.keys[i] as Buffer, node.values[i] as Buffer]);
  }
}

/** Index of the first key that is not below `key`. */
function lowerBound(keys: readonly Buffer[], key: Uint8Array): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareBytes(keys[middle] as Buffer, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Index of the first key above `key`. */
function upperBound(keys: readonly Buffer[], key: Uint8Array): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareBytes(keys[middle] as Buffer, key) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
