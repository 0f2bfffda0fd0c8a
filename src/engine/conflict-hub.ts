/**
 * Decides the conflicts of containers that have a merge procedure. In every account one region, the hub, does
 * so; the others wait for what it writes and show the later write meanwhile.
 *
 * A conflict is a losing write that is neither settled nor referred to people. The procedure's writes and
 * the settling of that one loser are one entry of the log, and the hub looks whether the loser is still open
 * in the step in which it makes the entry: so a run that a crash cut short has left nothing, and one that did
 * not is not repeated. What the procedure cannot decide is referred to the feed, by an entry too.
 */
import type { ContainerRecord } from '../account/index.ts';
import { assert } from '../base/index.ts';
import { type Dot, sameDot } from '../causality/index.ts';
import { DatabaseError } from '../errors/index.ts';
import type { PartitionNumber } from '../log/index.ts';
import { conflictsIn, epkOf, openConflicts, type Partition } from '../partition/index.ts';
import type { Cancel } from '../runtime/index.ts';
import type { Containers } from './containers.ts';
import {
  findMergeProcedure,
  type MergeOptions,
  type MergeOutcome,
  type PlacedConflict,
  runMergeProcedure,
} from './merge-procedure.ts';

export interface ConflictHubOptions extends MergeOptions {
  readonly containers: Containers;
  readonly host: {
    get(number: PartitionNumber): Partition | undefined;
    onDurable(listener: (numbers: readonly PartitionNumber[]) => void): () => void;
    room(): Promise<void> | undefined;
  };
  /** Whether this region is the one that decides conflicts of the partition, as of now. */
  readonly decidesConflicts: (partition: Partition) => boolean;
  /** The region can go on no longer. */
  readonly onFailed: (reason: unknown) => void;
}

/** Long enough to find together what arrives together. */
const LOOK_MS = 10;
/** How long what could not be decided now is left alone. */
const RETRY_MS = 500;
/** Runs of a procedure over one conflict while other writes get in between, before it is left for later. */
const ATTEMPTS_MAX = 10;
/** Runs whose sandbox broke, or whose time was up, before the procedure is held to be at fault. */
const RUNS_CUT_SHORT_MAX = 3;
/**
 * How often in a row what a procedure wrote may lose against others and be merged again: a procedure that
 * runs into itself is stopped by people.
 */
const DEPTH_MAX = 8;
/** Of so many writes of procedures is known how deep they are; older ones count as new. */
const DEPTHS_KEPT = 10_000;

export class ConflictHub {
  readonly #options: ConflictHubOptions;
  /** Partitions of containers with merge procedures, and what they are partitions of. */
  readonly #watched = new Map<PartitionNumber, string>();
  /** Partitions that are to be looked at. */
  readonly #changed = new Set<PartitionNumber>();
  readonly #busy = new Set<PartitionNumber>();
  /** By name of a procedure's write: how many of its kind lost before it. */
  readonly #depths = new Map<string, number>();
  readonly #removeListener: () => void;
  #cancel: Cancel | undefined;
  #isStopped = false;

  constructor(options: ConflictHubOptions) {
    this.#options = options;
    this.#removeListener = options.host.onDurable((numbers) => this.#note(numbers));
  }

  /** Conflicts of the container are decided from here on, if it has a merge procedure. */
  watch(record: ContainerRecord): void {
    if (record.definition.conflictResolutionPolicy.conflictResolutionProcedure === '') return;
    for (const { number } of record.partitions) this.#watched.set(number, record.rid);
    this.lookAgain();
  }

  forget(record: ContainerRecord): void {
    for (const { number } of record.partitions) this.#watched.delete(number);
  }

  /** That this region decides conflicts may be new. */
  lookAgain(): void {
    this.#note([...this.#watched.keys()]);
  }

  /** Whether nothing is being decided, or about to be looked at. */
  get isIdle(): boolean {
    return this.#cancel === undefined && this.#busy.size === 0;
  }

  stop(): void {
    this.#isStopped = true;
    this.#removeListener();
    this.#cancel?.();
  }

  #note(numbers: readonly PartitionNumber[], delayMs = LOOK_MS): void {
    if (this.#watched.size === 0 || this.#isStopped) return;
    for (const number of numbers) if (this.#watched.has(number)) this.#changed.add(number);
    if (this.#changed.size === 0 || this.#cancel !== undefined) return;
    this.#cancel = this.#options.runtime.after(delayMs, () => {
      this.#cancel = undefined;
      for (const number of this.#changed) {
        // Whoever is busy looks again by itself.
        if (this.#busy.has(number)) continue;
        this.#changed.delete(number);
        void this.#decideAll(number);
      }
    });
  }

  /** One partition after the other, and in each one conflict after the other. */
  async #decideAll(number: PartitionNumber): Promise<void> {
    this.#busy.add(number);
    let isLeft = false;
    try {
      for (const conflict of this.#undecided(number)) {
        if (this.#isStopped) return;
        await this.#options.host.room();
        if (!(await this.#decide(conflict))) isLeft = true;
      }
    } catch (error) {
      // Mostly the region cannot write now, or the container is gone.
      if (!(error instanceof DatabaseError) && !this.#isStopped) this.#options.onFailed(error);
      isLeft = true;
    } finally {
      this.#busy.delete(number);
      if (isLeft) this.#note([number], RETRY_MS);
      else this.#note([]);
    }
  }

  #undecided(number: PartitionNumber): PlacedConflict[] {
    const partition = this.#options.host.get(number);
    const rid = this.#watched.get(number);
    const container = rid === undefined ? undefined : this.#options.directory.state.containers[rid];
    if (partition === undefined || container === undefined) return [];
    if (partition.isEnded || !this.#options.decidesConflicts(partition)) return [];
    const handle = this.#options.containers.handle(container);
    const record = container.partitions.find((candidate) => candidate.number === number);
    assert(record !== undefined, 'partitions are watched with their container');
    return openConflicts(partition)
      .conflicts.filter(({ loser }) => loser.isReferred !== true)
      .sort((a, b) => a.loser.time - b.loser.time || a.loser.dot.origin - b.loser.dot.origin)
      .map((conflict) => ({ ...conflict, handle, record, partition }));
  }

  /** Whether the conflict needs no more of this region. */
  async #decide(conflict: PlacedConflict): Promise<boolean> {
    const { handle, partition, loser } = conflict;
    const procedure = findMergeProcedure(this.#options.directory, handle);
    const depth = (this.#depths.get(nameOf(partition, loser.dot)) ?? 0) + 1;
    if (procedure === undefined || depth > DEPTH_MAX) return this.#refer(conflict);
    let cutShort = 0;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      if (!this.#isOpen(conflict)) return true;
      const outcome = await runMergeProcedure(this.#options, conflict, procedure, () =>
        this.#isOpen(conflict),
      );
      if (outcome.kind === 'obsolete') return true;
      if (outcome.kind === 'merged') {
        this.#keepDepth(partition, outcome, depth);
        return true;
      }
      if (outcome.kind !== 'failed') continue;
      // A sandbox that is gone may just have been in the way of something else, and the time may have passed
      // while the whole machine stood still.
      const mayBeChance = outcome.reason === 'crash' || outcome.reason === 'time';
      if (!mayBeChance || ++cutShort >= RUNS_CUT_SHORT_MAX) return this.#refer(conflict);
    }
    return false;
  }

  async #refer(conflict: PlacedConflict): Promise<boolean> {
    const { partition, key, loser } = conflict;
    if (!this.#isOpen(conflict)) return true;
    const transaction = partition.begin(epkOf(key));
    transaction.refer(key, [loser.dot]);
    await transaction.commit();
    return true;
  }

  /** Whether the conflict is still to be decided, and here. */
  #isOpen({ partition, key, loser: { dot } }: PlacedConflict): boolean {
    if (this.#isStopped || partition.isEnded || !this.#options.decidesConflicts(partition)) return false;
    return conflictsIn(partition, key).some((loser) => sameDot(loser.dot, dot) && loser.isReferred !== true);
  }

  #keepDepth(
    partition: Partition,
    { outcome }: Extract<MergeOutcome, { kind: 'merged' }>,
    depth: number,
  ): void {
    for (const put of outcome.puts.values()) {
      if (put !== undefined) this.#depths.set(nameOf(partition, put.dot), depth);
    }
    for (const name of this.#depths.keys()) {
      if (this.#depths.size <= DEPTHS_KEPT) break;
      this.#depths.delete(name);
    }
  }
}

function nameOf({ number }: Partition, { origin, n }: Dot): string {
  return `${number}-${origin}-${n}`;
}
