import type { TermText } from './postings/posting-block.ts';
import type { ByteSink } from './value-encoding.ts';

/**
 * All terms of an item as one text, a character for each byte: the terms one after the other, the length of
 * each in two characters, their count in two. For what outlives the moment: twenty small strings and what
 * they were made from cost the collector several times as much.
 */
export type PackedTerms = string;

export const NO_TERMS: PackedTerms = '';

const NUMBER_CHARACTERS = 2;

/** `ends`: where each term ends in the sink, which takes what is added to them. */
export function packTerms(sink: ByteSink, ends: readonly number[]): PackedTerms {
  if (ends.length === 0) return NO_TERMS;
  const room = sink.length + NUMBER_CHARACTERS * (ends.length + 1);
  if (room > sink.bytes.length) sink.bytes = Buffer.concat([sink.bytes], 2 * room);
  const { bytes } = sink;
  let at = sink.length;
  let start = 0;
  for (const end of ends) {
    at = bytes.writeUInt16BE(end - start, at);
    start = end;
  }
  at = bytes.writeUInt16BE(ends.length, at);
  return bytes.toString('latin1', 0, at);
}

export function unpackTerms(packed: PackedTerms): TermText[] {
  if (packed === NO_TERMS) return [];
  const count = numberAt(packed, packed.length - NUMBER_CHARACTERS);
  let lengthAt = packed.length - NUMBER_CHARACTERS * (count + 1);
  let start = 0;
  const terms: TermText[] = [];
  for (let i = 0; i < count; i++) {
    const end = start + numberAt(packed, lengthAt);
    terms.push(packed.slice(start, end));
    start = end;
    lengthAt += NUMBER_CHARACTERS;
  }
  return terms;
}

function numberAt(packed: PackedTerms, place: number): number {
  return packed.charCodeAt(place) * 256 + packed.charCodeAt(place + 1);
}
