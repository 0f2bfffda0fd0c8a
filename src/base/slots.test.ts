import { describe, expect, it } from 'vitest';
import { Slots } from './slots.ts';

describe('Slots', () => {
  it('gives what was added and not removed, once', () => {
    const slots = new Slots<{ name: string }>();
    const [a, b, c] = ['a', 'b', 'c'].map((name) => slots.add({ name }));
    expect(new Set([a, b, c]).size).toBe(3);
    slots.remove(b ?? 0);
    expect(slots.drain().map(({ name }) => name)).toEqual(['a', 'c']);
    slots.remove(a ?? 0);
    expect(slots.drain()).toEqual([]);
  });

  it('uses slots again, so it grows no larger than what was in it at once', () => {
    const slots = new Slots<object>();
    const seen = new Set<number>();
    for (let i = 0; i < 1000; i++) {
      const pair = [slots.add({}), slots.add({})];
      for (const slot of pair) {
        seen.add(slot);
        slots.remove(slot);
        slots.remove(slot);
      }
    }
    expect(seen.size).toBe(2);
  });
});
