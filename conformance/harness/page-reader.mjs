// One page of a query, read by a process of its own: nothing but the continuation leads from page to page.
// Usage: node page-reader.mjs <JSON of client (a module), endpoint, key, database, container, query, options>

const { client: sdk, endpoint, key, database, container, query, options } = JSON.parse(process.argv[2]);
const { CosmosClient } = await import(sdk);
const client = new CosmosClient({
  endpoint,
  key,
  connectionPolicy: { enableBackgroundEndpointRefreshing: false },
});
const iterator = client.database(database).container(container).items.query(query, options);
const { resources, continuationToken } = await iterator.fetchNext();
process.stdout.write(JSON.stringify({ resources, continuationToken, hasMore: iterator.hasMoreResults() }));
client.dispose();
