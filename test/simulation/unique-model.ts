import type { JsonObject } from '../../src/base/index.ts';
import { beats } from '../kit/item-reference.ts';
import type { ModelPut } from './reference.ts';

/** Members that no two visible items of a logical partition may have the same, in worlds with unique keys. */
export const UNIQUE_MEMBERS = ['slot', 'seat'] as const;

/** What clients want an item to have there. */
export type UniqueValues = Readonly<Record<(typeof UNIQUE_MEMBERS)[number], string>>;

/** An item that would be visible if there were no unique keys. */
export interface Rival {
  readonly key: string;
  readonly put: ModelPut;
}

/**
 * Which items of one logical partition give way to others: those that have a value in common with a stronger
 * one that does not give way itself. The specification, written apart from the product.
 */
export function givingWay(rivals: readonly Rival[]): ReadonlySet<string> {
  const values = new Map(rivals.map(({ key, put }) => [key, valuesOf(put)]));
  const known = new Map<string, boolean>();
  const givesWay = (one: Rival): boolean => {
    const answer =
      known.get(one.key) ??
      rivals.some((other) => {
        const shares = values.get(other.key)?.some((value) => values.get(one.key)?.includes(value));
        return shares === true && isStronger(other, one) && !givesWay(other);
      });
    known.set(one.key, answer);
    return answer;
  };
  return new Set(rivals.filter(givesWay).map(({ key }) => key));
}

/** Items that one transaction wrote are told apart by their names. */
function isStronger(a: Rival, b: Rival): boolean {
  const isSameWrite = a.put.dot.origin === b.put.dot.origin && a.put.dot.n === b.put.dot.n;
  return isSameWrite ? a.key > b.key : beats(a.put, b.put);
}

const known = new WeakMap<Uint8Array, readonly string[]>();

function valuesOf({ body }: ModelPut): readonly string[] {
  let values = known.get(body);
  if (values === undefined) {
    const item = JSON.parse(Buffer.from(body).toString()) as JsonObject;
    values = UNIQUE_MEMBERS.map((member) => `${member} ${JSON.stringify(item[member] ?? null)}`);
    known.set(body, values);
  }
  return values;
}
