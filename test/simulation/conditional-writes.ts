import {
  COMPARE_AND_SET,
  type CompareAndSet,
  checkLinearizable,
  type Specification,
} from '../checkers/linearizability.ts';
import type { OperationRecord } from './client-history.ts';
import type { Violations } from './violations.ts';

/** An upsert asks for its version only where there is an item: where there is none it makes one. */
interface ConditionalWrite extends CompareAndSet {
  readonly isUpsert?: boolean;
}

const SPECIFICATION: Specification<ConditionalWrite, string> = {
  initial: '',
  apply: (state, operation) => {
    const { isUpsert, kind, value = '' } = operation;
    if (isUpsert === true && kind === 'write' && state === '') return value;
    return COMPARE_AND_SET.apply(state, operation);
  },
};

/** Longer histories, and those with more unknown outcomes, would take too long to search. */
const OPERATIONS_MAX = 400;
const UNKNOWN_MAX = 12;
const STATES_MAX = 4_000;
const ITEMS_MAX = 4;

export interface ConditionalVerdict {
  /** Items whose history was found linearizable, and those whose search was given up. */
  readonly judged: number;
  readonly givenUp: number;
}

/**
 * Writes under If-Match make items registers with compare-and-set. `records`: those that one order of all
 * writes is promised to, in the order of their requests.
 */
export function judgeConditional(
  records: readonly OperationRecord[],
  violations: Violations,
): ConditionalVerdict {
  judgeSuccessors(records, violations);
  // The items of one transaction have one etag.
  const valueByEtag = new Map<string, string>();
  const ofItem = new Map<string, OperationRecord[]>();
  for (const record of records) {
    const name = `${record.partition} ${record.key}`;
    ofItem.set(name, [...(ofItem.get(name) ?? []), record]);
    const { outcome, request } = record;
    const value = outcome?.kind === 'ok' ? (outcome.value ?? request.value) : undefined;
    if (outcome?.kind === 'ok' && outcome.etag !== undefined && value !== undefined) {
      valueByEtag.set(`${name} ${outcome.etag}`, value);
    }
  }
  let [judged, givenUp] = [0, 0];
  for (const [name, all] of ofItem) {
    if (judged + givenUp >= ITEMS_MAX) break;
    const isConditional = all.some(({ request }) => request.ifMatch !== undefined);
    const history = all.flatMap((record) => registerOf(record, valueByEtag));
    const unknown = history.filter(({ completedAtMs }) => completedAtMs === Number.POSITIVE_INFINITY);
    if (!isConditional || history.length > OPERATIONS_MAX || unknown.length > UNKNOWN_MAX) continue;
    const verdict = checkLinearizable(history, SPECIFICATION, STATES_MAX);
    if (verdict === 'unknown') givenUp += 1;
    else judged += 1;
    if (verdict === 'violation') {
      violations.report('I16 what the level promises', `${name}: writes under If-Match have no order`);
    }
  }
  return { judged, givenUp };
}

/** A version has one successor at most: of two writes that name it, one is refused. */
function judgeSuccessors(records: readonly OperationRecord[], violations: Violations): void {
  const successor = new Map<string, number>();
  for (const { request, outcome, number, partition, key } of records) {
    const isConditional = request.ifMatch !== undefined && outcome?.kind === 'ok';
    if (!isConditional || request.kind === 'read' || request.kind === 'upsert') continue;
    const version = `${partition} ${key} ${request.ifMatch}`;
    const other = successor.get(version);
    if (other !== undefined) {
      violations.report('I16 what the level promises', `#${other} and #${number} both replaced ${version}`);
    }
    successor.set(version, number);
  }
}

function registerOf(
  { request, outcome, invokedAtMs, completedAtMs, partition, key }: OperationRecord,
  valueByEtag: ReadonlyMap<string, string>,
): ConditionalWrite[] {
  const { kind, value = '', ifMatch } = request;
  const isUpsert = kind === 'upsert';
  const times = { invokedAtMs, completedAtMs, isUpsert };
  const expected = ifMatch === undefined ? undefined : valueByEtag.get(`${partition} ${key} ${ifMatch}`);
  // The answer that told the version was lost.
  if (ifMatch !== undefined && expected === undefined) return [];
  if (outcome?.kind === 'ok') {
    if (kind === 'read') return [{ ...times, kind, value: outcome.value }];
    return [{ ...times, kind: 'write', value, expected: kind === 'create' ? '' : expected }];
  }
  if (outcome?.kind === 'refused') {
    // Any of its requests may have been what the batch was refused for.
    if (request.batch !== undefined) return [];
    if (outcome.code === 'NotFound' && expected === undefined) return [{ ...times, kind: 'read', value: '' }];
    if (outcome.code === 'Conflict') return [{ ...times, kind: 'refused', expected: '' }];
    if (outcome.code !== 'PreconditionFailed' || expected === undefined) return [];
    return [{ ...times, kind: 'refused', expected }];
  }
  if (kind === 'read') return [];
  const open = { invokedAtMs, completedAtMs: Number.POSITIVE_INFINITY, isUpsert };
  return [{ ...open, kind: 'write', value, expected: kind === 'create' ? '' : expected }];
}
