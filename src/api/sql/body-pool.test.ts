import { describe, expect, test } from 'vitest';
import { BodyPool } from './body-pool.ts';

describe('memory for bodies', () => {
  test('is used again after its release, and only then', () => {
    const pool = new BodyPool(1 << 20);
    const first = pool.take(60_000);
    const second = pool.take(60_000);
    expect(second.body.buffer).not.toBe(first.body.buffer);
    first.release();
    const third = pool.take(40_000);
    expect(third.body.buffer).toBe(first.body.buffer);
    expect(third.body).toHaveLength(40_000);
  });

  test('of another size is not mixed up', () => {
    const pool = new BodyPool(1 << 20);
    const small = pool.take(20_000);
    small.release();
    const large = pool.take(100_000);
    expect(large.body).toHaveLength(100_000);
    expect(large.body.buffer).not.toBe(small.body.buffer);
  });

  test('lies free up to a limit only', () => {
    const pool = new BodyPool(100_000);
    const bodies = [pool.take(60_000), pool.take(60_000), pool.take(5 << 20), pool.take(10)];
    for (const { release } of bodies) release();
    expect(pool.freeBytes).toBe(65_536);
  });
});
