// Records a run of this repository for README.md: `npm run recording -- ci`. Lines as they come, with their times, into docs/run.svg.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Line, renderSvg } from './svg.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
/** Heartbeats are for logs. A terminal shows the same below the lines that stay. */
const isHeartbeat = (text: string) => text.includes('…     total');

const args = process.argv.slice(2);
const started = Date.now();
const run = spawn(process.execPath, ['pipeline/bin/drydock.mjs', ...args, '--progress', 'plain'], {
  cwd: ROOT,
  env: { ...process.env, FORCE_COLOR: '1', NO_COLOR: '' },
  stdio: ['ignore', 'pipe', 'inherit'],
});
const lines: Line[] = [{ text: `$ npx drydock ${args.join(' ')}`.trimEnd(), atMs: 0 }];
const reading = createInterface({ input: run.stdout }).on('line', (text) => {
  if (!isHeartbeat(text)) lines.push({ text, atMs: Date.now() - started });
});
await Promise.all([once(run, 'close'), once(reading, 'close')]);
writeFileSync(join(ROOT, 'docs/run.svg'), renderSvg(lines));
