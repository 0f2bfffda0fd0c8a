/**
 * Dates and times of the proleptic Gregorian calendar in UTC, years 1 to 9999, in ticks of 100 nanoseconds
 * since 1970. Ticks of today have more than 53 bits, hence two numbers: most functions need one of them.
 */
export interface Instant {
  /** Whole milliseconds since 1970; negative before. */
  readonly ms: number;
  /** Ticks beyond them: 0 to 9,999. */
  readonly ticks: number;
}

export interface CalendarFields {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  /** 1 to 31. */
  readonly day: number;
  readonly hour?: number;
  readonly minute?: number;
  readonly second?: number;
  /** Ticks within the second: 0 to 9,999,999. */
  readonly fraction?: number;
}

export const TICKS_PER_MS = 10_000;
const MS_MIN = -62_135_596_800_000;
const MS_MAX = 253_402_300_799_999;

export function isInRange({ ms }: Instant): boolean {
  return ms >= MS_MIN && ms <= MS_MAX;
}

const DATE_TIME = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,7}))?)?Z?$/;

/** `YYYY-MM-DD`, with or without `Thh:mm:ss[.f…]` and `Z`; undefined for any other text, or no such day. */
export function parseDateTime(text: string): Instant | undefined {
  const match = DATE_TIME.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction] = match;
  return fromFields({
    year: Number(year),
    month: Number(month),
    day: Number(day),
    hour: Number(hour ?? 0),
    minute: Number(minute ?? 0),
    second: Number(second ?? 0),
    fraction: Number((fraction ?? '').padEnd(7, '0')),
  });
}

/** Undefined when a field is not whole or out of its range: no day is carried over. */
export function fromFields(fields: CalendarFields): Instant | undefined {
  const { year, month, day, hour = 0, minute = 0, second = 0, fraction = 0 } = fields;
  const isWithin =
    isBetween(year, 1, 9999) &&
    isBetween(month, 1, 12) &&
    isBetween(day, 1, daysIn(year, month)) &&
    isBetween(hour, 0, 23) &&
    isBetween(minute, 0, 59) &&
    isBetween(second, 0, 59) &&
    isBetween(fraction, 0, 9_999_999);
  if (!isWithin) return undefined;
  // Date.UTC takes years below 100 for years of the last century.
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second, Math.floor(fraction / TICKS_PER_MS));
  return { ms: date.getTime(), ticks: fraction % TICKS_PER_MS };
}

function isBetween(value: number, least: number, greatest: number): boolean {
  return Number.isInteger(value) && value >= least && value <= greatest;
}

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

export function toFields({ ms, ticks }: Instant): Required<CalendarFields> {
  const date = new Date(ms);
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    second: date.getUTCSeconds(),
    fraction: date.getUTCMilliseconds() * TICKS_PER_MS + ticks,
  };
}

/** `YYYY-MM-DDThh:mm:ss.fffffffZ` */
export function formatDateTime({ ms, ticks }: Instant): string {
  return `${new Date(ms).toISOString().slice(0, -1)}${String(ticks).padStart(4, '0')}Z`;
}

/** All of it in ticks since 1970. */
export function toTicks({ ms, ticks }: Instant): bigint {
  return BigInt(ms) * BigInt(TICKS_PER_MS) + BigInt(ticks);
}

/** Undefined outside the years 1 to 9999. */
export function fromTicks(ticks: bigint): Instant | undefined {
  const per = BigInt(TICKS_PER_MS);
  const within = ((ticks % per) + per) % per;
  const instant = { ms: Number((ticks - within) / per), ticks: Number(within) };
  return isInRange(instant) ? instant : undefined;
}

/** `months` later, on the same day or the last one that the month has; undefined outside the years. */
export function addMonths(instant: Instant, months: number): Instant | undefined {
  const fields = toFields(instant);
  const count = fields.year * 12 + (fields.month - 1) + months;
  const year = Math.floor(count / 12);
  const month = count - year * 12 + 1;
  if (!isBetween(year, 1, 9999)) return undefined;
  return fromFields({ ...fields, year, month, day: Math.min(fields.day, daysIn(year, month)) });
}
