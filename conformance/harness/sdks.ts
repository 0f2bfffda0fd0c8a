import type { Agent, Container, CosmosClient, CosmosClientOptions, Database } from '@azure/cosmos';
import * as current from '@azure/cosmos';
import * as previous from 'cosmos-4-9';

/** The unmodified client in both versions that we promise to serve. */
export const SDKS = [
  { version: '4.10.1', module: '@azure/cosmos', sdk: current },
  { version: '4.9.3', module: 'cosmos-4-9', sdk: previous as unknown as typeof current },
] as const;

export type Sdk = typeof current;

/** The emulator's well-known key, which is our default. */
export const KEY = 'C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw==';

export interface ClientRequest {
  readonly endpoint: string;
  readonly key?: string;
  /** Keeps the client at `endpoint`, for a look at one region. */
  readonly isPinned?: boolean;
  readonly agent?: Agent;
  readonly consistencyLevel?: 'Session' | 'Eventual' | 'Strong';
}

export function connect(sdk: Sdk, request: ClientRequest): CosmosClient {
  const options: CosmosClientOptions = {
    endpoint: request.endpoint,
    key: request.key ?? KEY,
    connectionPolicy: {
      enableBackgroundEndpointRefreshing: false,
      ...(request.isPinned ? { enableEndpointDiscovery: false } : {}),
    },
    ...(request.agent === undefined ? {} : { agent: request.agent }),
    ...(request.consistencyLevel === undefined ? {} : { consistencyLevel: request.consistencyLevel }),
  };
  return new sdk.CosmosClient(options);
}

let made = 0;

/** A name that nobody used before on this server. */
export function freshName(prefix: string): string {
  made++;
  return `${prefix}-${process.pid}-${made}`;
}

export async function makeDatabase(client: CosmosClient): Promise<Database> {
  const { database } = await client.databases.create({ id: freshName('db') });
  return database;
}

export interface ContainerRequest {
  /** Partition key path; `/pk` unless given. */
  readonly path?: string;
  /** From 10,100 on a container has several physical partitions. */
  readonly throughput?: number;
  readonly more?: Record<string, unknown>;
}

export async function makeContainer(database: Database, request: ContainerRequest = {}): Promise<Container> {
  const { container } = await database.containers.create({
    id: freshName('c'),
    partitionKey: { paths: [request.path ?? '/pk'] },
    ...(request.throughput === undefined ? {} : { throughput: request.throughput }),
    ...request.more,
  });
  return container;
}

/** What an SDK call was refused with; fails when it was not refused. */
export async function refusal(
  call: Promise<unknown>,
): Promise<{ code: number | string; name: string | undefined; substatus: number; message: string }> {
  try {
    await call;
  } catch (error) {
    const failure = error as {
      code?: number | string;
      substatus?: number;
      message?: string;
      body?: { code?: string };
    };
    // A client that cannot even read the answer throws errors without a code.
    if (failure.code === undefined) throw error;
    return {
      code: failure.code,
      name: failure.body?.code,
      substatus: failure.substatus ?? 0,
      message: failure.message ?? '',
    };
  }
  throw new Error('the call was expected to be refused, and was not');
}
