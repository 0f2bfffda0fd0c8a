import type { JsonObject } from '../base/index.ts';
import type { Origin } from '../causality/index.ts';
import type { Lsn, PartitionNumber } from '../log/index.ts';
import type { Incarnation, StoredPut } from '../merge/index.ts';
import type { PathEdit } from '../resource/index.ts';

/** What a write becomes part of; given to whoever renders the item's text. */
export interface Stamp {
  readonly origin: Origin;
  readonly n: number;
  readonly time: number;
  readonly incarnation: Incarnation;
  /** Where it is written: incarnations differ within a partition only. */
  readonly partition: PartitionNumber;
}

export interface PutIntent {
  readonly kind: 'put';
  /** The complete item as JSON text, and as it would be parsed if that is at hand. */
  readonly render: (stamp: Stamp) => { readonly body: Buffer; readonly parsed?: JsonObject };
  /** See merge's Put. */
  readonly priority: number | undefined;
  /** See merge's Put. */
  readonly ttl?: number | undefined;
  /** See merge's Put. */
  readonly keeps?: true | undefined;
  /** See merge's Put. */
  readonly contestsDeletes?: true | undefined;
  /** See merge's Put. */
  readonly isUnindexed?: true | undefined;
  /** For a patch: what it does to the item that the decision was shown. Left out for whole items. */
  readonly edits?: readonly PathEdit[] | undefined;
}

/** What to do with the item that the decision was shown. */
export type Intent = PutIntent | { readonly kind: 'delete' };

export interface WriteOutcome {
  readonly lsn: Lsn;
  /** The write itself; undefined for a delete. Readers may see another sibling if conflicts stand. */
  readonly put: StoredPut | undefined;
}
