import type { Container, CosmosClient } from '@azure/cosmos';
import { afterAll, beforeAll } from 'vitest';
import { FaultClient } from './fault-client.ts';
import { type ClientRequest, connect, type Sdk } from './sdks.ts';
import { type NamedEndpoint, ServerProcess, type StartRequest } from './server-process.ts';

/** The server of a file or group of tests: it runs from before the first of them until after the last. */
export class TestedServer {
  #process: ServerProcess | undefined;
  #faults: FaultClient | undefined;

  private constructor(request: StartRequest) {
    beforeAll(async () => {
      this.#process = await ServerProcess.start(request);
      this.#faults = new FaultClient(this.#process.management);
    });
    afterAll(() => this.#process?.dispose());
  }

  /** Call it where tests are declared, before other hooks that need the server. */
  static during(request: StartRequest = {}): TestedServer {
    return new TestedServer(request);
  }

  get process(): ServerProcess {
    if (this.#process === undefined) throw new Error('the server runs during tests and their hooks only');
    return this.#process;
  }

  get faults(): FaultClient {
    if (this.#faults === undefined) throw new Error('the server runs during tests and their hooks only');
    return this.#faults;
  }

  get endpoint(): string {
    return this.process.endpoint;
  }

  get management(): string {
    return this.process.management;
  }

  get regions(): readonly NamedEndpoint[] {
    return this.process.regions;
  }

  get regionNames(): readonly string[] {
    return this.regions.map(({ name }) => name);
  }

  /** Endpoint of the region at `index` of the failover order. */
  region(index: number): NamedEndpoint {
    return this.process.region(index);
  }

  /** Cuts every link between the regions. */
  async cutAll(): Promise<void> {
    for (const [index, from] of this.regionNames.entries()) {
      for (const to of this.regionNames.slice(index + 1))
        await this.faults.add({ kind: 'cut', from, to, direction: 'both' });
    }
  }

  /** A client for each region that stays with it; session tokens are sent by those of level `Session`. */
  pinned(sdk: Sdk, consistencyLevel?: ClientRequest['consistencyLevel']): CosmosClient[] {
    const more = consistencyLevel === undefined ? {} : { consistencyLevel };
    return this.regions.map(({ endpoint }) => connect(sdk, { endpoint, isPinned: true, ...more }));
  }

  /** Heals everything; then the container as each region shows it to its own client. */
  async viewsOf(
    sdk: Sdk,
    made: Container,
    consistencyLevel?: ClientRequest['consistencyLevel'],
  ): Promise<Container[]> {
    await this.faults.quiesce();
    const clients = this.pinned(sdk, consistencyLevel);
    return clients.map((client) => client.database(made.database.id).container(made.id));
  }
}
