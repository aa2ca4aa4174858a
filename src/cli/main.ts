#!/usr/bin/env node
// Before anything else is loaded, so that stacks show the lines of the TypeScript sources.
process.setSourceMapsEnabled(true);
// A device function deep inside others is to be seen together with its kernel; the machine's own frames count, too.
Error.stackTraceLimit = 50;
const { processIo } = await import('./process-io.js');
const { runCli } = await import('./run-cli.js');

process.exitCode = await runCli(process.argv.slice(2), processIo());

export {};
