import { DatabaseError } from '../../errors/index.ts';
import { type Instant, toFields } from './date-time.ts';

/** Longer ones would be made ready, and written, at one go. */
const FORMAT_LENGTH_MAX = 4_096;

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const;
const MONTHS = [
  ...(['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August'] as const),
  ...(['September', 'October', 'November', 'December'] as const),
] as const;

type Piece = (fields: FormattedFields) => string;

interface FormattedFields extends ReturnType<typeof toFields> {
  /** 0 for Sunday. */
  readonly weekday: number;
}

/** A date format made ready. */
export type DateFormat = readonly Piece[];

/**
 * The custom format specifiers of .NET in its invariant culture: `d` to `dddd`, `f` to `fffffff`, `F` to
 * `FFFFFFF` (without trailing zeros), `g`, `h`, `H`, `K`, `m`, `M` to `MMMM`, `s`, `t`, `y` to `yyyyy`, `z`.
 * `\` takes the next character as it is, quotes take what is between them; everything else stands for itself.
 * Undefined for a format that ends inside quotes or behind `\`, or has more than seven `f` or `F`.
 *
 * @throws DatabaseError `BadRequest` when it has more than 4,096 characters.
 */
export function compileDateFormat(format: string): DateFormat | undefined {
  if (format.length > FORMAT_LENGTH_MAX) {
    const message = `The format of DateTimeFormat has more than ${FORMAT_LENGTH_MAX} characters.`;
    throw new DatabaseError('BadRequest', message);
  }
  const pieces: Piece[] = [];
  for (let i = 0; i < format.length; ) {
    const character = format.charAt(i);
    if (character === '\\') {
      if (i + 1 >= format.length) return undefined;
      pieces.push(literal(format.charAt(i + 1)));
      i += 2;
    } else if (character === '"' || character === "'") {
      const close = format.indexOf(character, i + 1);
      if (close < 0) return undefined;
      pieces.push(literal(format.slice(i + 1, close)));
      i = close + 1;
    } else {
      let end = i + 1;
      while (end < format.length && format.charAt(end) === character) end++;
      const piece = specifier(character, end - i);
      if (piece === undefined) return undefined;
      pieces.push(piece);
      i = end;
    }
  }
  return pieces;
}

export function formatWith(format: DateFormat, instant: Instant): string {
  const fields = { ...toFields(instant), weekday: new Date(instant.ms).getUTCDay() };
  let text = '';
  for (const piece of format) text += piece(fields);
  return text;
}

function literal(text: string): Piece {
  return () => text;
}

function specifier(character: string, count: number): Piece | undefined {
  const padded = (field: (fields: FormattedFields) => number, width = Math.min(count, 2)): Piece => {
    return (fields) => String(field(fields)).padStart(width, '0');
  };
  switch (character) {
    case 'd':
      if (count > 2) return ({ weekday }) => shortened(DAYS[weekday] ?? '', count);
      return padded(({ day }) => day);
    case 'M':
      if (count > 2) return ({ month }) => shortened(MONTHS[month - 1] ?? '', count);
      return padded(({ month }) => month);
    case 'y':
      return count > 2 ? padded(({ year }) => year, count) : padded(({ year }) => year % 100);
    case 'H':
      return padded(({ hour }) => hour);
    case 'h':
      return padded(({ hour }) => hour % 12 || 12);
    case 'm':
      return padded(({ minute }) => minute);
    case 's':
      return padded(({ second }) => second);
    case 't':
      return ({ hour }) => (hour < 12 ? 'AM' : 'PM').slice(0, Math.min(count, 2));
    case 'f':
      return count > 7 ? undefined : (fields) => fractionOf(fields, count);
    case 'F':
      return count > 7 ? undefined : (fields) => fractionOf(fields, count).replace(/0+$/, '');
    case 'g':
      return () => 'A.D.';
    case 'K':
      return () => 'Z'.repeat(count);
    case 'z':
      return () => ['+0', '+00', '+00:00'][Math.min(count, 3) - 1] ?? '';
    case '%':
      // It makes one letter a format; letters are nothing else here.
      return () => '';
    default:
      return literal(character.repeat(count));
  }
}

function shortened(name: string, count: number): string {
  return count === 3 ? name.slice(0, 3) : name;
}

function fractionOf({ fraction }: FormattedFields, digits: number): string {
  return String(fraction).padStart(7, '0').slice(0, digits);
}
