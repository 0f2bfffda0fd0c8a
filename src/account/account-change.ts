import { assert } from '../base/index.ts';
import type { AccountState, ContainerRecord, DatabaseRecord, OfferRecord, ScriptRecord } from './state.ts';

/** Records of one kind that a change wrote and the rids of those that it removed. */
export interface Edits<T extends { readonly rid: string }> {
  readonly put?: readonly T[];
  readonly removed?: readonly string[];
}

/**
 * What one command changed: the step from one revision to the next. It is what the directory logs and sends
 * on, rather than the command itself, so that a later version with other rules still reads the history as it
 * happened.
 */
export interface AccountChange {
  /** Of the state that it leads to. */
  readonly revision: number;
  readonly fields?: Partial<
    Pick<
      AccountState,
      'epoch' | 'regions' | 'retiredOrigins' | 'next' | 'quorum' | 'consistency' | 'topology'
    >
  >;
  readonly databases?: Edits<DatabaseRecord>;
  readonly containers?: Edits<ContainerRecord>;
  readonly offers?: Edits<OfferRecord>;
  readonly scripts?: Edits<ScriptRecord>;
}

/**
 * The state after `changes`, which must follow each other from `state` on. `state` itself stays as it is, and
 * what no change touches is shared; each kind of record is copied at most once however many changes there
 * are.
 */
export function withChanges(state: AccountState, changes: readonly AccountChange[]): AccountState {
  let next = { ...state };
  const copied = new Set<object>();
  const edit = <T extends { readonly rid: string }>(
    records: Readonly<Record<string, T>>,
    edits?: Edits<T>,
  ) => {
    if (!edits?.put?.length && !edits?.removed?.length) return records;
    const copy: Record<string, T> = copied.has(records) ? records : copyOf(records);
    copied.add(copy);
    for (const record of edits.put ?? []) copy[record.rid] = record;
    for (const rid of edits.removed ?? []) delete copy[rid];
    return copy;
  };
  for (const change of changes) {
    assert(change.revision === next.revision + 1, 'changes follow each other without gaps');
    next = {
      ...next,
      ...change.fields,
      revision: change.revision,
      databases: edit(next.databases, change.databases),
      containers: edit(next.containers, change.containers),
      offers: edit(next.offers, change.offers),
      scripts: edit(next.scripts, change.scripts),
    };
  }
  return next;
}

/**
 * Same as a spread, at less than half its time: with thousands of containers this loop is what a command
 * costs
 * (about 0.1 ms for 2,000 records). All keys are rids, so none is special.
 */
function copyOf<T>(records: Readonly<Record<string, T>>): Record<string, T> {
  const copy: Record<string, T> = {};
  for (const rid in records) copy[rid] = records[rid] as T;
  return copy;
}
