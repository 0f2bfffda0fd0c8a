import { describe, expect, test } from 'vitest';
import { finish, type JsonObject } from '../base/index.ts';
import { parseSteps } from './long-json.ts';
import { namesAtHand, namesOf } from './long-objects.ts';
import { canonicalSteps, jsonSteps } from './long-values.ts';
import { canonicalText } from './values.ts';

/** The text of an object with many members, as `name` calls them. */
function textOf(members: number, name: (i: number) => string): string {
  const parts = Array.from({ length: members }, (_, i) => `${JSON.stringify(name(i))}:${i}`);
  return `{${parts.join(',')}}`;
}

const shuffled = (i: number) => `k${(i * 7_919) % 10_007}`;
/** Places, among them the last there is, and what only looks like one. */
const mixed = (i: number) =>
  [`${(i * 7_919) % 10_007}`, `0${i}`, `${2 ** 32 - 100 + (i % 200)}`, `${i}e3`, `-${i}`, `${i}0000000000`][
    i % 6
  ] ?? '';
const cases: [string, string, boolean][] = [
  ['in any order', textOf(10_000, shuffled), true],
  ['that come again', textOf(10_000, (i) => shuffled(i % 6_000)), true],
  ['with a prototype by name', textOf(10_000, (i) => (i === 5_000 ? '__proto__' : shuffled(i))), true],
  ['with a long value', `{"long":[${'1,'.repeat(20_000)}1],${textOf(10_000, shuffled).slice(1)}`, true],
  ['like places in an array', textOf(10_000, (i) => String((i * 7_919) % 10_007)), true],
  ['of which one is like a place', textOf(10_000, (i) => (i === 9_999 ? '7' : shuffled(i))), true],
  ['like places, those twice and with others', textOf(20_000, (i) => mixed(i % 15_000)), true],
  ['that are few', textOf(4_000, (i) => `name-${i}`), false],
];

describe('names of objects that are parsed in pieces are those of the platform', () => {
  test.each(cases)('%s', (_, text, isAtHand) => {
    const object = finish(parseSteps(text)) as JsonObject;
    const whole = JSON.parse(text) as JsonObject;
    expect(namesOf(object)).toEqual(Object.keys(whole));
    expect(namesAtHand(object) !== undefined).toBe(isAtHand);
    expect(finish(jsonSteps(object))).toBe(JSON.stringify(whole));
    expect(finish(canonicalSteps(object))).toBe(canonicalText(whole));
  });
});
