#!/usr/bin/env node
/**
 * The real entry point. A compaction of the store may hold a thread of the pool for seconds; with the four
 * that Node.js gives by default, three regions could leave the log's syncs waiting for one. The pool takes
 * its size when it is first used, which loading an ES module does: so this file is not one.
 */
process.env.UV_THREADPOOL_SIZE ??= '16';
void import('./main.ts');
