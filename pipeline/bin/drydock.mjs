#!/usr/bin/env node
// The command line, started without waiting for anything else: `node pipeline/bin/drydock.mjs [function] [options]`.
import { readFileSync } from 'node:fs';
import { keepCompiled, load } from './bundle.mjs';
import { refuse } from './needs.mjs';

/** As the embedded engine needs them (engine/bin/tools.sh). With fewer, programs that are started are waited for in vain. */
const OPEN_FILES = 256;

// Node has raised its own as far as it may.
const limit = /^Max open files +(\d+)/m.exec(readIfThere('/proc/self/limits'))?.[1];
if (limit !== undefined && Number(limit) < OPEN_FILES) {
  const raise =
    process.getuid() === 0 ? 'docker run --ulimit nofile=65536 IMAGE' : 'sudo prlimit --pid $$ --nofile=65536';
  refuse(`the number of open files is limited to ${limit} here, and ${OPEN_FILES} are needed`, raise);
}

const { main } = load('cli');
// Not by commands that need no engine.
process.on('exit', () => keepCompiled('sdk'));
const exitCode = await main(process.argv.slice(2));
// Ended by hand, once all is written: the SDK may hold the process open, and a Dagger CLI that it started ends with us.
process.stdout.write('', () => process.exit(exitCode));

function readIfThere(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // only Linux has it
  }
}
