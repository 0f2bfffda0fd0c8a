// The peer on npm: the same protocol in memory, without sign-in checks, indexes or durability. Its own command
// closes every connection after one request, so it is started here with keep-alive, which is to its advantage.
import { createHttpServer } from '@vercel/cosmosdb-server';

createHttpServer({ keepAlive: true }).listen(Number(process.argv[2]), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
