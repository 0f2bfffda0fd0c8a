import { expect, test } from 'vitest';
import { fromStored, toStored } from './stored-value.ts';

test.each(['', '1b', '1b1b', '1b1b1b', '1b00', '001b', '00', '7b7d'])(
  '%s comes back and is never stored empty',
  (hex) => {
    const value = Buffer.from(hex, 'hex');
    const stored = Buffer.from(toStored(value));
    expect(stored.length).toBeGreaterThan(0);
    expect(fromStored(stored)).toEqual(value);
  },
);

test('different values are stored differently', () => {
  const values = ['', '1b', '1b1b', '1b1b1b', '1b00', '00'].map((hex) => Buffer.from(hex, 'hex'));
  expect(new Set(values.map((value) => Buffer.from(toStored(value)).toString('hex'))).size).toBe(
    values.length,
  );
});
