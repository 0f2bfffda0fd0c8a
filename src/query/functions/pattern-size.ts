const REPEAT = /\{(\d+)(?:(,)(\d*))?\}/y;

/**
 * About how many instructions a regular expression will have, in the syntax of re2: repetitions are made by
 * writing what is repeated so many times. Found without making them, which for a short pattern can be
 * hundreds of thousands.
 */
export function estimatedSize(source: string): number {
  /** Of the sequences around the present one, as far as they are known. */
  const around: number[] = [];
  let size = 0;
  /** Of what a repetition that comes next would repeat. */
  let last = 0;
  for (let at = 0; at < source.length; ) {
    const character = source.charAt(at);
    REPEAT.lastIndex = at;
    const repeat = character === '{' ? REPEAT.exec(source) : null;
    if (repeat !== null) {
      const [whole, least, comma, most] = repeat;
      const times = Math.max(Number(least) + (comma === undefined ? 0 : 1), Number(most || 0), 1);
      size += last * (times - 1);
      last *= times;
      at += whole.length;
      continue;
    }
    if (character === '(') {
      around.push(size);
      size = 0;
      last = 0;
    } else if (character === ')') {
      last = size + 2;
      size = (around.pop() ?? 0) + last;
    } else if ('*+?|'.includes(character)) {
      size++;
      last++;
    } else {
      size++;
      last = 1;
    }
    at = endOfAtom(source, at);
  }
  return around.reduce((sum, each) => sum + each, size);
}

/** Behind the character, the class or the escape that begins at `at`. */
function endOfAtom(source: string, at: number): number {
  if (source.charAt(at) === '\\') return endOfEscape(source, at);
  if (source.charAt(at) !== '[') return at + 1;
  let end = source.charAt(at + 1) === '^' ? at + 2 : at + 1;
  if (source.charAt(end) === ']') end++;
  while (end < source.length && source.charAt(end) !== ']') {
    if (source.startsWith('[:', end)) end = Math.max(source.indexOf(':]', end + 2), end) + 1;
    else if (source.charAt(end) === '\\') end = endOfEscape(source, end) - 1;
    end++;
  }
  return end + 1;
}

function endOfEscape(source: string, at: number): number {
  const hasBraces = 'pPx'.includes(source.charAt(at + 1)) && source.charAt(at + 2) === '{';
  const close = hasBraces ? source.indexOf('}', at) : -1;
  return close < 0 ? at + 2 : close + 1;
}
