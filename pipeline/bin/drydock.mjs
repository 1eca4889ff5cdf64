#!/usr/bin/env node
// The command line, started without waiting for anything else: `node pipeline/bin/drydock.mjs [function] [options]`.
import { keepCompiled, load } from './bundle.mjs';

const { main } = load('cli');
// Not by commands that need no engine.
process.on('exit', () => keepCompiled('sdk'));
const exitCode = await main(process.argv.slice(2));
// Ended by hand, once all is written: the SDK may hold the process open, and a Dagger CLI that it started ends with us.
process.stdout.write('', () => process.exit(exitCode));
