#!/usr/bin/env node
import { createRequire } from 'node:module';
import { CLIENT_OPTIONS, describeOptions, EXPLAIN_OPTIONS, OPTIONS } from '../config/index.ts';
import { messageOf, type Terminal } from './terminal.ts';

/** Promised by INTERFACE.md, and not written yet: said clearly, rather than "unknown command". */
const LATER = ['regions', 'failover', 'split', 'backup', 'restore', 'export', 'import'];

const HELP = `orrery: a globally distributed, multi-master database with the protocols of Azure Cosmos DB

orrery start [flags]      run a server
orrery status [flags]     how a running server and its replication are
orrery fault … [flags]    inject, list and heal faults; see orrery fault --help
orrery explain DATABASE/CONTAINER QUERY [flags]
                          run a page of a query and show how it was answered
orrery --help | --version

Flags of start (a flag beats its variable):
${describeOptions(OPTIONS)}

Flags of explain:
${describeOptions(EXPLAIN_OPTIONS)}

Flags of the other commands:
${describeOptions(CLIENT_OPTIONS)}`;

const terminal: Terminal = {
  out: (line) => process.stdout.write(`${line}\n`),
  err: (line) => process.stderr.write(`${line}\n`),
};

async function run(command: string | undefined, argv: readonly string[]): Promise<number> {
  const wantsHelp = argv.includes('--help') || argv.includes('-h');
  if (command === 'fault' && wantsHelp) {
    const { faultHelp } = await import('./fault-command.ts');
    terminal.out(faultHelp());
    return 0;
  }
  if (command === undefined || command === 'help' || command === '--help' || command === '-h' || wantsHelp) {
    terminal.out(HELP);
    return 0;
  }
  if (command === '--version' || command === 'version') {
    const manifest: { version: string } = createRequire(import.meta.url)('../../package.json');
    terminal.out(manifest.version);
    return 0;
  }
  if (command === 'start') return (await import('./start-command.ts')).start(argv, terminal);
  if (command === 'status') return (await import('./status-command.ts')).status(argv, terminal);
  if (command === 'fault') return (await import('./fault-command.ts')).fault(argv, terminal);
  if (command === 'explain') return (await import('./explain-command.ts')).explain(argv, terminal);
  if (LATER.includes(command)) terminal.err(`orrery: ${command} is not available in this version`);
  else terminal.err(`orrery: unknown command '${command}'; see orrery --help`);
  return 2;
}

const [command, ...argv] = process.argv.slice(2);
if (command === 'region-process') {
  // Hidden: how `start --isolation process` runs one region. It lives until its parent ends it.
  const { runRegionProcess } = await import('../server/index.ts');
  await runRegionProcess();
} else {
  try {
    process.exit(await run(command, argv));
  } catch (error) {
    terminal.err(`orrery: ${messageOf(error)}`);
    process.exit(1);
  }
}
