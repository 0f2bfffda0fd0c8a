import { expect, test } from 'vitest';
import { OrderedTree, type TreeRoot, treeGet, treeScan } from './ordered-tree.ts';

/** A small linear congruential generator: the same story for the same seed. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const key = (n: number) => Buffer.from(String(n).padStart(5, '0'));
const EVERYTHING = { from: Buffer.from('0'), to: Buffer.from(':'), reverse: false };
const story = (root: TreeRoot) => treeScan(root, EVERYTHING, 1e9).map(([k, v]) => `${k}=${v}`);

test.each([1, 2, 3])('every snapshot of a growing and shrinking tree keeps its story (seed %i)', (seed) => {
  const next = numbers(seed);
  const tree = new OrderedTree();
  const model = new Map<string, string>();
  const kept: { root: TreeRoot; expected: string[] }[] = [];
  for (let i = 0; i < 20_000; i++) {
    const k = key(next(6000));
    // Phases of growth and of decay make the tree split and collapse.
    if (next(10) < (Math.floor(i / 4000) % 2 === 0 ? 8 : 1)) {
      tree.set(k, Buffer.from(String(i)));
      model.set(k.toString(), String(i));
    } else {
      tree.delete(k);
      model.delete(k.toString());
    }
    if (i % 1999 === 0) {
      kept.push({ root: tree.snapshot(), expected: [...model].sort().map(([a, b]) => `${a}=${b}`) });
    }
  }
  for (const { root, expected } of kept) expect(story(root)).toEqual(expected);
  expect(tree.size).toBe(model.size);
  for (const [k, v] of model) expect(treeGet(tree.root, Buffer.from(k))?.toString()).toBe(v);
  const down = treeScan(tree.root, { ...EVERYTHING, reverse: true }, 1e9).map(([k, v]) => `${k}=${v}`);
  expect(down.reverse()).toEqual(story(tree.root));
});

test('an emptied tree is like a new one', () => {
  const tree = new OrderedTree();
  for (let i = 0; i < 3000; i++) tree.set(key(i), Buffer.alloc(0));
  const full = tree.snapshot();
  for (let i = 2999; i >= 0; i--) tree.delete(key(i));
  expect(tree.size).toBe(0);
  expect(story(tree.root)).toEqual([]);
  expect(story(full).length).toBe(3000);
  tree.set(key(7), Buffer.from('x'));
  expect(story(tree.root)).toEqual(['00007=x']);
});
