/** What the rows of a query inside a query become. */
import type { Json, Steps } from '../base/index.ts';
import { DatabaseError } from '../errors/index.ts';
import type { Frame } from './binder.ts';
import type { RowReader, RowVisitor } from './block-rows.ts';
import { ENTRY_BYTES, type QueryMemory } from './query-memory.ts';
import type { SubqueryNode } from './syntax.ts';
import { isPrimitive, type Value } from './values.ts';

/** Takes the rows of one evaluation. */
export interface RowCollector {
  readonly visit: RowVisitor;
  readonly value: () => Value;
}

/** `memory`: what lists take, where they may become long. */
type Collect = (memory?: QueryMemory) => RowCollector;

/** The value of the rows that a reader reads for the row in the frame. */
export function valueOfRows(reader: RowReader, site: number, frame: Frame, collect: Collect): Value {
  return frame.work.valueOfRows(
    site,
    () => {
      const collector = collect();
      return reader.read(frame, collector.visit) ?? collector.value();
    },
    () => valueSteps(reader, frame, collect),
  );
}

function* valueSteps(reader: RowReader, frame: Frame, collect: Collect): Steps<Value> {
  const collector = collect(frame.work.memory);
  yield* reader.steps(frame, collector.visit);
  return collector.value();
}

/** An array of all rows. */
export function allRows(memory?: QueryMemory): RowCollector {
  const rows: Json[] = [];
  return {
    visit(row) {
      memory?.take(isPrimitive(row) ? PLACE_BYTES : ENTRY_BYTES);
      rows.push(row);
      return true;
    },
    value: () => rows,
  };
}

/** A place in an array, and what stands there. */
const PLACE_BYTES = 24;

/** By the word before the query. */
export const COLLECTORS: Readonly<Record<SubqueryNode['form'], Collect>> = {
  scalar() {
    let sole: Value;
    return {
      visit(row) {
        if (sole !== undefined) {
          const message = 'A scalar subquery must not have more than one row; ARRAY(…) takes all of them.';
          throw new DatabaseError('BadRequest', message);
        }
        sole = row;
        return true;
      },
      value: () => sole,
    };
  },
  EXISTS() {
    let exists = false;
    return {
      visit() {
        exists = true;
        return false;
      },
      value: () => exists,
    };
  },
  ARRAY: allRows,
  ALL() {
    let isAll = true;
    return {
      visit(row) {
        isAll = row === true;
        return isAll;
      },
      value: () => isAll,
    };
  },
  FIRST() {
    let first: Value;
    return {
      visit(row) {
        first = row;
        return false;
      },
      value: () => first,
    };
  },
  LAST() {
    let last: Value;
    return {
      visit(row) {
        last = row;
        return true;
      },
      value: () => last,
    };
  },
};
