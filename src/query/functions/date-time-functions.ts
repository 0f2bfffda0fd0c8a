import type { QueryEnvironment } from '../environment.ts';
import type { Value } from '../values.ts';
import {
  type BuiltInFunction,
  type Evaluate,
  type EvaluateIn,
  type FunctionFamily,
  isWholeNumber,
  lastPrepared,
  prepared,
  pure,
  stable,
} from './built-in-function.ts';
import { compileDateFormat, formatWith } from './date-format.ts';
import {
  addMonths,
  formatDateTime,
  fromFields,
  fromTicks,
  type Instant,
  isInRange,
  parseDateTime,
  TICKS_PER_MS,
  toFields,
  toTicks,
} from './date-time.ts';

type Part = 'year' | 'month' | 'weekday' | FixedPart;
/** Parts that are always equally long. */
type FixedPart = 'day' | 'hour' | 'minute' | 'second' | 'millisecond' | 'microsecond' | 'nanosecond';

const PART_NAMES: Readonly<Record<Part, readonly string[]>> = {
  year: ['year', 'yyyy', 'yy'],
  month: ['month', 'mm', 'm'],
  weekday: ['weekday'],
  day: ['day', 'dd', 'd'],
  hour: ['hour', 'hh'],
  minute: ['minute', 'mi', 'n'],
  second: ['second', 'ss', 's'],
  millisecond: ['millisecond', 'ms'],
  microsecond: ['microsecond', 'mcs'],
  nanosecond: ['nanosecond', 'ns'],
};

const PARTS: ReadonlyMap<string, Part> = new Map(
  Object.entries(PART_NAMES).flatMap(([part, names]) => names.map((name) => [name, part as Part])),
);

const NANOSECONDS: Readonly<Record<FixedPart, bigint>> = {
  day: 86_400_000_000_000n,
  hour: 3_600_000_000_000n,
  minute: 60_000_000_000n,
  second: 1_000_000_000n,
  millisecond: 1_000_000n,
  microsecond: 1_000n,
  nanosecond: 1n,
};

/** A tick is 100 nanoseconds. */
const TICK = 100n;
/** Start of the oldest bin: the Windows epoch, 1601. */
const BIN_ORIGIN_MS_MIN = -11_644_473_600_000;

function partOf(value: Value): Part | undefined {
  return typeof value === 'string' ? PARTS.get(value.toLowerCase()) : undefined;
}

function instantOf(value: Value): Instant | undefined {
  return typeof value === 'string' ? parseDateTime(value) : undefined;
}

function textOf(instant: Instant | undefined): Value {
  return instant && formatDateTime(instant);
}

/** Rounds down, also below zero. */
function floorDiv(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return a % b < 0n ? quotient - 1n : quotient;
}

function shifted(instant: Instant | undefined, part: Part | undefined, amount: Value): Instant | undefined {
  if (instant === undefined || part === undefined || !isWholeNumber(amount)) return undefined;
  switch (part) {
    case 'year':
      return addMonths(instant, amount * 12);
    case 'month':
      return addMonths(instant, amount);
    case 'weekday':
      return undefined;
    default:
      return fromTicks(toTicks(instant) + (BigInt(amount) * NANOSECONDS[part]) / TICK);
  }
}

function difference(name: Value, start: Value, end: Value): Value {
  const part = partOf(name);
  const [from, to] = [instantOf(start), instantOf(end)];
  if (part === undefined || part === 'weekday' || from === undefined || to === undefined) return undefined;
  if (part === 'year') return toFields(to).year - toFields(from).year;
  if (part === 'month') return monthsOf(to) - monthsOf(from);
  const unit = NANOSECONDS[part];
  return Number(floorDiv(toTicks(to) * TICK, unit) - floorDiv(toTicks(from) * TICK, unit));
}

function monthsOf(instant: Instant): number {
  const { year, month } = toFields(instant);
  return year * 12 + month;
}

function partValue(name: Value, dateTime: Value): Value {
  const part = partOf(name);
  const instant = instantOf(dateTime);
  if (part === undefined || instant === undefined) return undefined;
  const fields = toFields(instant);
  switch (part) {
    case 'weekday':
      return new Date(instant.ms).getUTCDay() + 1;
    case 'millisecond':
      return Math.floor(fields.fraction / TICKS_PER_MS);
    case 'microsecond':
      return Math.floor(fields.fraction / 10);
    case 'nanosecond':
      return fields.fraction * 100;
    default:
      return fields[part];
  }
}

function bin(...operands: Value[]): Value {
  const [dateTime, name, size, origin] = operands;
  const instant = instantOf(dateTime);
  const part = partOf(name);
  if (instant === undefined || part === undefined) return undefined;
  if (part === 'year' || part === 'month' || part === 'weekday') return undefined;
  const count = operands.length < 3 ? 1 : size;
  const from = operands.length < 4 ? { ms: 0, ticks: 0 } : instantOf(origin);
  if (!isWholeNumber(count) || count <= 0 || from === undefined || from.ms < BIN_ORIGIN_MS_MIN)
    return undefined;
  const width = NANOSECONDS[part] * BigInt(count);
  const start = toTicks(from) * TICK;
  const bins = floorDiv(toTicks(instant) * TICK - start, width);
  return textOf(fromTicks(floorDiv(start + bins * width, TICK)));
}

function fromParts(...operands: Value[]): Value {
  if (!operands.every((operand) => typeof operand === 'number')) return undefined;
  const [year = 0, month = 0, day = 0, hour, minute, second, fraction] = operands;
  const time = { hour: hour ?? 0, minute: minute ?? 0, second: second ?? 0, fraction: fraction ?? 0 };
  return textOf(fromFields({ year, month, day, ...time }));
}

function toTimestamp(dateTime: Value): Value {
  return instantOf(dateTime)?.ms;
}

function fromTimestamp(value: Value): Value {
  if (!isWholeNumber(value)) return undefined;
  const instant = { ms: value, ticks: 0 };
  return isInRange(instant) ? formatDateTime(instant) : undefined;
}

function fieldOf(name: 'YEAR' | 'MONTH' | 'DAY', about: string): BuiltInFunction {
  const part = name.toLowerCase();
  return pure(`${name}(dateTime)`, about, (dateTime) => partValue(part, dateTime));
}

function formatting(): Evaluate {
  const prepare = lastPrepared(compileDateFormat);
  return (dateTime, format) => {
    const instant = instantOf(dateTime);
    const compiled = typeof format === 'string' ? prepare(format) : undefined;
    return instant === undefined || compiled === undefined ? undefined : formatWith(compiled, instant);
  };
}

/** Reads the clock of the page, or that of the whole query for those called static. */
function current(name: string, about: string, read: (ms: number) => Value): BuiltInFunction[] {
  const ofPage: EvaluateIn = ({ nowMs }) => read(nowMs);
  const ofQuery: EvaluateIn = ({ startedMs }) => read(startedMs);
  return [
    stable(`${name}()`, `${about}; the same for all rows of a page`, () => ofPage),
    stable(`${name}STATIC()`, `${about}; the same for all pages of a query`, () => ofQuery),
  ];
}

function fromNow(sign: 1 | -1): EvaluateIn {
  return ({ nowMs }: QueryEnvironment, ...operands: Value[]) => {
    const now = { ms: nowMs, ticks: 0 };
    if (operands.length === 0) return formatDateTime(now);
    const [part, amount] = operands;
    return textOf(shifted(now, partOf(part), isWholeNumber(amount) ? amount * sign : undefined));
  };
}

/** Dates and times are texts in ISO 8601, in UTC; what comes out has seven digits behind the point. */
export const DATE_TIME_FUNCTIONS: FunctionFamily = {
  title: 'Dates and times',
  functions: [
    stable('AGO(part, amount)', 'so much before now', () => fromNow(-1)),
    pure('DATETIMEADD(part, amount, dateTime)', 'so much later', (part, amount, dateTime) =>
      textOf(shifted(instantOf(dateTime), partOf(part), amount)),
    ),
    pure(
      'DATETIMEBIN(dateTime, part[, size[, origin]])',
      'the start of the bin that it falls into; parts from `day` to `nanosecond`',
      bin,
    ),
    pure('DATETIMEDIFF(part, start, end)', 'how many boundaries of the part lie between', difference),
    prepared('DATETIMEFORMAT(dateTime, format)', 'as text, by the custom specifiers of .NET', formatting),
    pure(
      'DATETIMEFROMPARTS(year, month, day[, hour[, minute[, second[, fraction]]]])',
      'made of its parts; `fraction` in ticks of 100 ns',
      fromParts,
    ),
    pure('DATETIMEPART(part, dateTime)', 'one part as a number; `weekday` counts from Sunday, 1', partValue),
    pure('DATETIMETOTICKS(dateTime)', 'ticks of 100 ns since 1970', (dateTime) => {
      const instant = instantOf(dateTime);
      return instant && Number(toTicks(instant));
    }),
    pure('DATETIMETOTIMESTAMP(dateTime)', 'milliseconds since 1970', toTimestamp),
    fieldOf('DAY', 'day of the month'),
    ...current('GETCURRENTDATETIME', 'now', (ms) => formatDateTime({ ms, ticks: 0 })),
    ...current('GETCURRENTTICKS', 'now, in ticks of 100 ns since 1970', (ms) => ms * TICKS_PER_MS),
    ...current('GETCURRENTTIMESTAMP', 'now, in milliseconds since 1970', (ms) => ms),
    fieldOf('MONTH', 'month, 1 to 12'),
    stable('NOW([part, amount])', 'now, or so much later', () => fromNow(1)),
    pure('TICKSTODATETIME(ticks)', 'from ticks of 100 ns since 1970', (ticks) =>
      isWholeNumber(ticks) ? textOf(fromTicks(BigInt(ticks))) : undefined,
    ),
    pure('TIMESTAMPTODATETIME(timestamp)', 'from milliseconds since 1970', fromTimestamp),
    fieldOf('YEAR', 'year'),
  ],
};
