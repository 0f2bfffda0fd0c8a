import type { ContainerDefinition, Throughput } from '../resource/index.ts';
import type { ContainerRecord, DatabaseRecord, OfferRecord, RegionRecord } from './state.ts';

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
      /** The region lost its storage: its new life gets a new origin, and the membership epoch rises. */
      readonly kind: 'renewOrigin';
      readonly region: string;
    };

export interface CommandResults {
  readonly createDatabase: DatabaseRecord;
  readonly deleteDatabase: undefined;
  readonly createContainer: ContainerRecord;
  readonly replaceContainer: ContainerRecord;
  readonly deleteContainer: undefined;
  readonly replaceOffer: OfferRecord;
  readonly renewOrigin: RegionRecord;
}

export type CommandResult<C extends Command> = CommandResults[C['kind']];
