/** The fault interface of a running server. */
export class FaultClient {
  readonly #management: string;

  constructor(management: string) {
    this.#management = management;
  }

  /** Adds a fault; the returned function heals it. */
  async add(fault: Record<string, unknown>): Promise<() => Promise<void>> {
    const { id } = (await this.#ask('POST', '/faults', fault)) as { id: string };
    return async () => {
      await this.#ask('DELETE', `/faults/${encodeURIComponent(id)}`);
    };
  }

  async healAll(): Promise<void> {
    await this.#ask('DELETE', '/faults');
  }

  list(): Promise<unknown> {
    return this.#ask('GET', '/faults');
  }

  async kill(region: string): Promise<void> {
    await this.#ask('POST', '/faults/kill', { region });
  }

  async start(region: string): Promise<void> {
    await this.#ask('POST', '/faults/start', { region });
  }

  async wipe(region: string): Promise<void> {
    await this.#ask('POST', '/faults/wipe', { region });
  }

  async collect(region: string): Promise<void> {
    await this.#ask('POST', '/faults/collect', { region });
  }

  /** Which region decides conflicts of a container. */
  hub(container: string): Promise<unknown> {
    return this.#ask('GET', `/faults/hub?container=${encodeURIComponent(container)}`);
  }

  /** Heals everything and waits until all regions agree; rejects with what still differs. */
  async quiesce(timeoutMs = 20_000): Promise<void> {
    await this.#ask('POST', '/faults/quiesce', { timeoutMs });
  }

  async #ask(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(this.#management + path, {
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    const text = await response.text();
    if (response.status >= 400) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  }
}
