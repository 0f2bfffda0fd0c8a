/**
 * Okapi BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009) with the customary
 * constants and the inverse document frequency that never falls below zero.
 */
const SATURATION = 1.2;
const LENGTH_WEIGHT = 0.75;

/** What has to be known of all texts together. */
export interface TextStatistics {
  /** Items looked at. */
  readonly documentCount: number;
  /** Words in all texts. */
  readonly wordCount: number;
  /** For each phrase, the items that have it. */
  readonly hitCounts: readonly number[];
}

/** What has to be known of one text. */
export interface TextFrequencies {
  readonly wordCount: number;
  /** For each phrase, how often it stands in the text. */
  readonly occurrences: readonly number[];
}

/** How well a text fits the phrases, 0 or more: higher is better, and 0 when it has none of them. */
export function bm25Score(text: TextFrequencies, all: TextStatistics): number {
  const averageLength = all.documentCount > 0 ? all.wordCount / all.documentCount : 0;
  const relativeLength = averageLength > 0 ? text.wordCount / averageLength : 1;
  const damping = SATURATION * (1 - LENGTH_WEIGHT + LENGTH_WEIGHT * relativeLength);
  let score = 0;
  for (let i = 0; i < text.occurrences.length; i++) {
    const frequency = text.occurrences[i] as number;
    if (frequency === 0) continue;
    const weight = inverseDocumentFrequency(all.documentCount, all.hitCounts[i] ?? 0);
    score += (weight * frequency * (SATURATION + 1)) / (frequency + damping);
  }
  return score;
}

function inverseDocumentFrequency(documentCount: number, hits: number): number {
  // Statistics may be older than the text: more hits than documents must not make a negative weight.
  const others = Math.max(0, documentCount - hits);
  return Math.log(1 + (others + 0.5) / (hits + 0.5));
}
