// A live display of a step with a long command, in a process of its own. The first line that comes makes the window narrower, the second ends it.
import { spawnSync } from 'node:child_process';
import { renderTty } from '../../../cli/live.ts';
import { openTerminal } from '../../../cli/terminal.ts';

const { out } = openTerminal();
const renderer = renderTty({ screen: out, isVerbose: false, output: 'out', asked: ['lint', 'test'] });
renderer.listener({ kind: 'engine', engine: { kind: 'embedded', why: 'asked for' } });
renderer.listener({ kind: 'step-started', stage: 'lint', step: 'tsc', command: 'tsc '.repeat(60), atMs: Date.now() });
process.stdin.once('data', () => {
  spawnSync('stty', ['cols', '40'], { stdio: 'inherit' });
  process.stdin.once('data', () => {
    renderer.close();
    process.exit(0);
  });
});
