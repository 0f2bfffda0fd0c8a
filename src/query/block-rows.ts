import type { Frame } from './binder.ts';
import type { Block } from './block.ts';
import { DistinctRows, Groups } from './grouping.ts';
import { QueryMemory } from './query-memory.ts';
import { countStep, RowCursor } from './row-levels.ts';
import type { Value } from './values.ts';

/** Gives the rows of a query to `visit`, which ends it with false. */
export type RowVisitor = (row: Exclude<Value, undefined>) => boolean;

export type RowReader = (frame: Frame, visit: RowVisitor) => void;

const UNBOUNDED = Number.POSITIVE_INFINITY;

/**
 * Reads the rows of a query inside a query for the row that is in the frame. One evaluation runs to its end
 * before another can begin, so they can share what they need.
 */
export function rowReader(block: Block): RowReader {
  const cursor = new RowCursor(block.levels);
  const { grouping } = block;
  const read = (frame: Frame, visit: () => boolean) => {
    if (block.predicate !== undefined && !block.predicate(frame)) return;
    cursor.begin(frame);
    while (cursor.next(frame, UNBOUNDED) === 'row') {
      countStep(frame);
      if (!visit()) return;
    }
  };
  if (grouping === undefined) {
    return (frame, visit) => {
      const give = emitter(block, frame, visit);
      read(frame, give);
    };
  }
  return (frame, visit) => {
    const groups = new Groups(grouping, new QueryMemory());
    read(frame, () => {
      groups.add(frame);
      return true;
    });
    const give = emitter(block, frame, visit);
    for (const group of groups.all()) {
      groups.show(group, frame);
      if (!give()) return;
    }
  };
}

/** Makes a row of what the frame holds, unless it has no value or came before. */
function emitter(block: Block, frame: Frame, visit: RowVisitor): () => boolean {
  const distinct = block.isDistinct ? new DistinctRows(new QueryMemory()) : undefined;
  const { value } = block.projection;
  return () => {
    const row = value(frame);
    if (row === undefined || distinct?.add(row) === false) return true;
    return visit(row);
  };
}

export function rowsOf(read: RowReader, frame: Frame): Value[] {
  const rows: Value[] = [];
  read(frame, (row) => {
    rows.push(row);
    return true;
  });
  return rows;
}
