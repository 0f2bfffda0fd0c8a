import type { Origin } from '../causality/index.ts';
import type { ContainerDefinition, ScriptDefinition, Throughput } from '../resource/index.ts';
import type {
  AccountState,
  ContainerRecord,
  DatabaseRecord,
  OfferRecord,
  RegionRecord,
  ScriptRecord,
  Topology,
} from './state.ts';

/**
 * What can be asked of the directory, as plain data. Time comes inside (`timeMs`, Unix milliseconds), so that
 * a command has one outcome for one state wherever and whenever it is applied. Records are named by rid: a
 * name could by then mean a recreated one.
 */
export type Command =
  | {
      readonly kind: 'createDatabase';
      readonly id: string;
      /** Shared by the containers that have none of their own. */
      readonly throughput?: Throughput | undefined;
      readonly timeMs: number;
    }
  | {
      /** With all its containers. */
      readonly kind: 'deleteDatabase';
      readonly rid: string;
      readonly ifMatch?: string | undefined;
    }
  | {
      readonly kind: 'createContainer';
      readonly databaseRid: string;
      readonly definition: ContainerDefinition;
      readonly throughput?: Throughput | undefined;
      readonly timeMs: number;
    }
  | {
      readonly kind: 'replaceContainer';
      readonly rid: string;
      readonly definition: ContainerDefinition;
      readonly ifMatch?: string | undefined;
      readonly timeMs: number;
    }
  | { readonly kind: 'deleteContainer'; readonly rid: string; readonly ifMatch?: string | undefined }
  | {
      /**
       * Ranges stay as they are, also where more throughput would call for more of them: splitting them is a
       * command of its own.
       */
      readonly kind: 'replaceOffer';
      readonly rid: string;
      readonly throughput: Throughput;
      readonly ifMatch?: string | undefined;
      /** What the resource stores, in GB; raises the minimum. */
      readonly storedGb?: number;
      readonly timeMs: number;
    }
  | {
      readonly kind: 'createScript';
      readonly containerRid: string;
      readonly definition: ScriptDefinition;
      readonly timeMs: number;
    }
  | {
      readonly kind: 'replaceScript';
      readonly rid: string;
      readonly definition: ScriptDefinition;
      readonly ifMatch?: string | undefined;
      readonly timeMs: number;
    }
  | { readonly kind: 'deleteScript'; readonly rid: string; readonly ifMatch?: string | undefined }
  | {
      /** The region lost its storage: its new life gets a new origin, and the membership epoch rises. */
      readonly kind: 'renewOrigin';
      readonly region: string;
    }
  | {
      /**
       * Which regions must hold a Strong write from here on; refused unless `expectedEpoch` is the
       * present.
       */
      readonly kind: 'changeQuorum';
      readonly expectedEpoch: number;
      readonly origins: readonly Origin[];
    }
  | {
      /** Level and bounds for all requests from here on; clients notice when they are made anew. */
      readonly kind: 'changeConsistency';
      readonly consistency: AccountState['consistency'];
      /** Permits bounds below the published minimum, for tests. */
      readonly isUnsafe?: boolean;
    }
  | { readonly kind: 'changeTopology'; readonly topology: Topology };

export interface CommandResults {
  readonly createDatabase: DatabaseRecord;
  readonly deleteDatabase: undefined;
  readonly createContainer: ContainerRecord;
  readonly replaceContainer: ContainerRecord;
  readonly deleteContainer: undefined;
  readonly replaceOffer: OfferRecord;
  readonly createScript: ScriptRecord;
  readonly replaceScript: ScriptRecord;
  readonly deleteScript: undefined;
  readonly renewOrigin: RegionRecord;
  readonly changeQuorum: AccountState['quorum'];
  readonly changeConsistency: AccountState['consistency'];
  readonly changeTopology: Topology;
}

export type CommandResult<C extends Command> = CommandResults[C['kind']];
