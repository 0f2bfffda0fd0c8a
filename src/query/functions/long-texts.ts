/** What is done with all of a long text, in pieces that break no pair of surrogates. */
import type { Steps } from '../../base/index.ts';

/** UTF-16 units between two moments at which others may have their turn. */
const PIECE = 16_384;

function isHigh(unit: number): boolean {
  return (unit & 0xfc00) === 0xd800;
}

function isLow(unit: number): boolean {
  return (unit & 0xfc00) === 0xdc00;
}

/** Where the piece that begins at `from` ends. */
function endOfPiece(text: string, from: number): number {
  const end = Math.min(text.length, from + PIECE);
  return end < text.length && isHigh(text.charCodeAt(end - 1)) ? end + 1 : end;
}

/** Changes a text piece by piece. */
export function* changedSteps(text: string, change: (piece: string) => string): Steps<string> {
  if (text.length <= PIECE) return change(text);
  const pieces: string[] = [];
  for (let from = 0; from < text.length; ) {
    const end = endOfPiece(text, from);
    pieces.push(change(text.slice(from, end)));
    from = end;
    yield;
  }
  return pieces.join('');
}

export function reversed(text: string): string {
  return [...text].reverse().join('');
}

export function* reversedSteps(text: string): Steps<string> {
  const pieces: string[] = [];
  yield* changedSteps(text, (piece) => {
    pieces.push(reversed(piece));
    return '';
  });
  return pieces.reverse().join('');
}

/** Without the characters of a set at the ends named. */
export function* trimmedSteps(
  text: string,
  set: ReadonlySet<string>,
  ends: { readonly start: boolean; readonly end: boolean },
): Steps<string> {
  let from = 0;
  let to = text.length;
  let looks = 0;
  while (ends.start && from < to) {
    const character = String.fromCodePoint(text.codePointAt(from) ?? 0);
    if (!set.has(character)) break;
    from += character.length;
    if (++looks % PIECE === 0) yield;
  }
  while (ends.end && to > from) {
    const isPair = to - from > 1 && isLow(text.charCodeAt(to - 1)) && isHigh(text.charCodeAt(to - 2));
    const character = text.slice(isPair ? to - 2 : to - 1, to);
    if (!set.has(character)) break;
    to -= character.length;
    if (++looks % PIECE === 0) yield;
  }
  return text.slice(from, to);
}
