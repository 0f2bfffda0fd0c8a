import { expect, test } from 'vitest';
import { createCharge, readCharge, replaceCharge } from './charge.ts';

const KB = 1024;

test.each([
  [0, 1, 4.95],
  [1, 1, 4.95],
  [2, 1.04, 6.29],
  [16, 1.67, 9.52],
  [1024, 145.9, 625],
  [2048, 291.8, 1250],
])('the published figures at %i KB', (sizeKb, read, write) => {
  expect(readCharge(sizeKb * KB)).toBe(read);
  expect(createCharge(sizeKb * KB)).toBe(write);
  expect(replaceCharge(sizeKb * KB)).toBe(write * 2);
});

test('charges never fall as items grow, and have two digits', () => {
  let last = 0;
  for (let bytes = 0; bytes < 2048 * KB; bytes += 4999) {
    const charge = readCharge(bytes) + createCharge(bytes);
    expect(charge).toBeGreaterThanOrEqual(last);
    expect(Math.round(readCharge(bytes) * 100) / 100).toBe(readCharge(bytes));
    last = charge;
  }
});
