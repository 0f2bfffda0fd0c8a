import { describe, expect, test } from 'vitest';
import { decodeFeedToken, encodeFeedToken, type FeedToken, segmentsOf, stepsAfter } from './feed-token.ts';

const TEXT = 'SELECT * FROM c';
const IDENTITY = { container: 'N3mxAJ43ebE=', queryText: TEXT };
const at = (min: string, max: string) => ({ range: { min, max } });
const inner = (text: string) => Buffer.from(text).toString('base64url');

/** Range and continuation of every step, in a form that reads well. */
function steps(records: readonly { range: { min: string; max: string } }[], token?: FeedToken): string[] {
  return stepsAfter(records, token).map((step) => {
    const { min, max } = step.range;
    return `${min}-${max}${step.inner === undefined ? '' : ` from ${Buffer.from(step.inner, 'base64url')}`}`;
  });
}

describe('what is left of a feed', () => {
  const four = [at('', '4'), at('4', '8'), at('8', 'C'), at('C', 'FF')];
  const token = { startedMs: 1, segments: [{ ...at('4', '8'), inner: inner('x') }] };

  test('everything, at first', () => {
    expect(steps(four)).toEqual(['-4', '4-8', '8-C', 'C-FF']);
  });

  test('the rest of a partition, and those behind it', () => {
    expect(steps(four, token)).toEqual(['4-8 from x', '8-C', 'C-FF']);
    const notBegun = { startedMs: 1, segments: [{ ...at('8', 'C'), inner: undefined }] };
    expect(steps(four, notBegun)).toEqual(['8-C', 'C-FF']);
  });

  test('after a split both children go on where their parent was', () => {
    const split = [at('', '4'), at('4', '6'), at('6', '8'), at('8', 'FF')];
    const left = stepsAfter(split, token);
    expect(steps(split, token)).toEqual(['4-6 from x', '6-8 from x', '8-FF']);
    // The next page ends in the first child: the second one still has to go on from where the parent was.
    const [first, ...others] = left;
    const segments = segmentsOf([{ ...(first as (typeof left)[number]), inner: inner('y') }, ...others]);
    expect(steps(split, { startedMs: 1, segments })).toEqual(['4-6 from y', '6-8 from x', '8-FF']);
    // A client that was told of the split asks each child by its id.
    expect(steps([at('6', '8')], token)).toEqual(['6-8 from x']);
  });

  test('after a merge each part goes on where it was', () => {
    expect(steps([at('', '8'), at('8', 'FF')], token)).toEqual(['4-8 from x', '8-FF']);
  });
});

describe('tokens', () => {
  const token: FeedToken = {
    startedMs: 1_700_000_000_000,
    segments: [
      { ...at('', '1FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF'), inner: inner('place') },
      { ...at('1FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF', 'FF'), inner: undefined },
    ],
  };
  const text = encodeFeedToken(IDENTITY, token);

  test('come back as they were, fit a header, and belong to one query of one container', () => {
    expect(decodeFeedToken(IDENTITY, text)).toEqual(token);
    expect(text).toMatch(/^[\w-]{1,1024}$/);
    const others = [{ queryText: `${TEXT} WHERE c.a` }, { container: 'AAAAAAAAAAE=' }];
    for (const other of others)
      expect(() => decodeFeedToken({ ...IDENTITY, ...other }, text)).toThrow('Invalid Continuation Token');
  });

  test('no change goes unnoticed', () => {
    for (let i = 0; i < text.length; i++) {
      const other = text.charAt(i) === 'A' ? 'B' : 'A';
      const changed = text.slice(0, i) + other + text.slice(i + 1);
      expect(() => decodeFeedToken(IDENTITY, changed)).toThrow('Invalid Continuation Token');
      expect(() => decodeFeedToken(IDENTITY, text.slice(0, i))).toThrow('Invalid Continuation Token');
    }
  });
});
