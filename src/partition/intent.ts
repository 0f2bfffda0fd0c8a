import type { JsonObject } from '../base/index.ts';
import type { Origin } from '../causality/index.ts';
import type { Lsn } from '../log/index.ts';
import type { Incarnation, StoredPut } from '../merge/index.ts';

/** What a write becomes part of; given to whoever renders the item's text. */
export interface Stamp {
  readonly origin: Origin;
  readonly n: number;
  readonly time: number;
  readonly incarnation: Incarnation;
}

/** What to do with the item that the decision was shown. */
export type Intent =
  | {
      readonly kind: 'put';
      /** The complete item as JSON text, and as it would be parsed if that is at hand. */
      readonly render: (stamp: Stamp) => { readonly body: Buffer; readonly parsed?: JsonObject };
      /** See merge's Put. */
      readonly priority: number | undefined;
    }
  | { readonly kind: 'delete' };

export interface WriteOutcome {
  readonly lsn: Lsn;
  /** The write itself; undefined for a delete. Readers may see another sibling if conflicts stand. */
  readonly put: StoredPut | undefined;
}
