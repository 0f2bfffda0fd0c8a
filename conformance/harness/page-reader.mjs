// One page of a query, read by a process of its own: nothing but the continuation leads from page to page.
// Usage: node page-reader.mjs <JSON of endpoint, key, database, container, query, options>
import { CosmosClient } from '@azure/cosmos';

const { endpoint, key, database, container, query, options } = JSON.parse(process.argv[2]);
const client = new CosmosClient({
  endpoint,
  key,
  connectionPolicy: { enableBackgroundEndpointRefreshing: false },
});
const iterator = client.database(database).container(container).items.query(query, options);
const { resources, continuationToken } = await iterator.fetchNext();
process.stdout.write(JSON.stringify({ resources, continuationToken }));
client.dispose();
