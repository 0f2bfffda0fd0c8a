/** Small values that know nothing of databases. */
export { AssertionError, assert, unreachable } from './assert.ts';
export { ByteReader, ByteWriter } from './byte-codec.ts';
export { ByteSlabs } from './byte-slabs.ts';
export { compareBytes, prefixEnd } from './bytes.ts';
export { Histogram, type HistogramSnapshot } from './histogram.ts';
export { isJsonObject, type Json, type JsonObject } from './json.ts';
export { type Hash128, murmur3x64Hash128, murmur3x86Hash32 } from './murmur3.ts';
export { Slots } from './slots.ts';
export { sortInTurns, sortNumbersInTurns } from './sorting.ts';
export { finish, finishInTurns, StepCounter, type Steps } from './steps.ts';
export { WeightedCache } from './weighted-cache.ts';
