import type { TermText } from './postings/posting-block.ts';
import type { ByteSink } from './value-encoding.ts';

/**
 * All terms of an item as one text, a character for each byte: the terms one after the other, the length of
 * each in two characters, their count in four. For what outlives the moment: twenty small strings and what
 * they were made from cost the collector several times as much.
 */
export type PackedTerms = string;

export const NO_TERMS: PackedTerms = '';

const LENGTH_CHARACTERS = 2;
/** An item can have some hundred thousand elements in its arrays. */
const COUNT_CHARACTERS = 4;

/** `ends`: where each term ends in the sink, which takes what is added to them. */
export function packTerms(sink: ByteSink, ends: readonly number[]): PackedTerms {
  if (ends.length === 0) return NO_TERMS;
  const room = sink.length + LENGTH_CHARACTERS * ends.length + COUNT_CHARACTERS;
  if (room > sink.bytes.length) sink.bytes = Buffer.concat([sink.bytes], 2 * room);
  const { bytes } = sink;
  let at = sink.length;
  let start = 0;
  for (const end of ends) {
    at = bytes.writeUInt16BE(end - start, at);
    start = end;
  }
  at = bytes.writeUInt32BE(ends.length, at);
  return bytes.toString('latin1', 0, at);
}

export function unpackTerms(packed: PackedTerms): TermText[] {
  if (packed === NO_TERMS) return [];
  const countAt = packed.length - COUNT_CHARACTERS;
  const count = numberAt(packed, countAt) * 65_536 + numberAt(packed, countAt + 2);
  let lengthAt = countAt - LENGTH_CHARACTERS * count;
  let start = 0;
  const terms: TermText[] = [];
  for (let i = 0; i < count; i++) {
    const end = start + numberAt(packed, lengthAt);
    terms.push(packed.slice(start, end));
    start = end;
    lengthAt += LENGTH_CHARACTERS;
  }
  return terms;
}

function numberAt(packed: PackedTerms, place: number): number {
  return packed.charCodeAt(place) * 256 + packed.charCodeAt(place + 1);
}
