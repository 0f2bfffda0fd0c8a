/**
 * How often a text has a word, as index entries: a word that it has more than once has another entry, the
 * encoded word with the count behind it in one byte.
 */
import { prefixEnd } from '../../base/index.ts';
import { encodeIndexValue } from '../value-encoding.ts';

/** So often or more: only the text tells how often. */
export const COUNT_MAX = 0xff;

/** Words that stand several times among the words of a text, with how often, COUNT_MAX at the most. */
export function repeatedWords(words: readonly (string | undefined)[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const word of words) if (word !== undefined) counts.set(word, (counts.get(word) ?? 0) + 1);
  for (const [word, count] of counts) {
    if (count === 1) counts.delete(word);
    else if (count > COUNT_MAX) counts.set(word, COUNT_MAX);
  }
  return counts;
}

/** Entries of one word, whatever the count. */
export function repeatsRange(word: string): { readonly from: Buffer; readonly to: Buffer } {
  const from = encodeIndexValue(word);
  return { from, to: Buffer.from(prefixEnd(from) ?? from) };
}

/** The count of such an entry. */
export function countOfRepeats(value: Uint8Array): number {
  return value[value.length - 1] as number;
}
