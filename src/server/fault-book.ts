import type { ClockFault, Fault, Faults } from '../api/fault/index.ts';
import type { LinkFault, ListedLinkFault } from '../replication/index.ts';

/** How faults take effect, wherever the regions run. */
export interface FaultEffects {
  /** Resolve when the regions that can hear of it have heard. */
  addLinkFault(fault: LinkFault, id: string): Promise<void>;
  removeLinkFault(id: string): Promise<void>;
  pause(region: string): void;
  resume(region: string): void;
  /** All clock faults of the region together. */
  setClock(region: string, error: ClockError): Promise<void>;
}

/** See AdjustableClocks. */
export interface ClockError {
  readonly skewMs: number;
  readonly ppm: number;
}

/** A region paused twice stays paused until both are undone. */
export class FaultBook implements Faults {
  readonly #effects: FaultEffects;
  readonly #faults = new Map<string, Fault>();
  #lastId = 0;

  constructor(effects: FaultEffects) {
    this.#effects = effects;
  }

  list(): { readonly id: string; readonly fault: Fault }[] {
    return [...this.#faults].map(([id, fault]) => ({ id, fault }));
  }

  async add(fault: Fault): Promise<string> {
    this.#lastId += 1;
    const id = `fault-${this.#lastId}`;
    this.#faults.set(id, fault);
    if (fault.kind === 'pause') this.#effects.pause(fault.region);
    else if (isClockFault(fault)) await this.#effects.setClock(fault.region, this.clockErrorOf(fault.region));
    else await this.#effects.addLinkFault(fault, id);
    return id;
  }

  async remove(id: string): Promise<boolean> {
    const fault = this.#faults.get(id);
    if (fault === undefined) return false;
    this.#faults.delete(id);
    if (isClockFault(fault)) await this.#effects.setClock(fault.region, this.clockErrorOf(fault.region));
    else if (fault.kind !== 'pause') await this.#effects.removeLinkFault(id);
    else if (!this.isPaused(fault.region)) this.#effects.resume(fault.region);
    return true;
  }

  async clear(): Promise<void> {
    await Promise.all([...this.#faults.keys()].map((id) => this.remove(id)));
  }

  isPaused(region: string): boolean {
    return [...this.#faults.values()].some((fault) => fault.kind === 'pause' && fault.region === region);
  }

  /** The faults that links between regions have. */
  listLinkFaults(): ListedLinkFault[] {
    return this.list().flatMap(({ id, fault }) =>
      fault.kind === 'pause' || isClockFault(fault) ? [] : [{ id, fault }],
    );
  }

  clockErrorOf(region: string): ClockError {
    const faults = [...this.#faults.values()].filter(isClockFault).filter((fault) => fault.region === region);
    const sum = (amounts: readonly number[]) => amounts.reduce((total, amount) => total + amount, 0);
    return {
      skewMs: sum(faults.map((fault) => (fault.kind === 'skew' ? fault.ms : 0))),
      ppm: sum(faults.map((fault) => (fault.kind === 'drift' ? fault.ppm : 0))),
    };
  }
}

function isClockFault(fault: Fault): fault is ClockFault {
  return fault.kind === 'skew' || fault.kind === 'drift';
}
