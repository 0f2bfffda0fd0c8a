/**
 * Lets writes happen one after the other, in the order in which they asked. Engines run writes on threads, so
 * two under way at once could land in either order.
 */
export class WriteTurns {
  #unsettled = 0;
  #last: Promise<void> = Promise.resolve();

  /** Runs `write`, at once or when all earlier ones have settled, also if they failed; settles as it does. */
  take(write: () => Promise<void>): Promise<void> {
    const turn = this.#unsettled === 0 ? write() : this.#last.then(write);
    const settled = () => {
      this.#unsettled -= 1;
    };
    this.#unsettled += 1;
    // The next in turn handles a failure by going on; whoever asked for this one is told of it.
    this.#last = turn.then(settled, settled);
    return turn;
  }
}
