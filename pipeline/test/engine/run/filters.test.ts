// What is run beside the first step of a session: by the specification of OCI runtimes a hook is written the container's state, and one that
// does not read it breaks the pipe to it, of which crun hands the signal to the step.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Filters } from '../../../engine/run/filters.ts';

type Hooks = { hooks: { poststart: { path: string; args: string[]; env: string[] }[] } };

test.for([
  ['a state of a few hundred bytes', 500],
  ['one that no pipe holds', 1 << 20],
])('the hook reads all that it is given: %s', async ([, bytes]) => {
  const folder = mkdtempSync(join(tmpdir(), 'drydock-filters-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const compiled = join(folder, 'compiled');
  writeFileSync(compiled, Buffer.alloc(16, 7));
  const { hooks } = new Filters().addition('default', compiled, folder) as Hooks;
  const [hook] = hooks.poststart;
  const child = execFile(hook?.path ?? '', hook?.args.slice(1));
  const closed = once(child, 'close');
  let fault: unknown;
  child.stdin?.on('error', (error) => (fault = error));
  // Its work is done by then, and nothing of the state was written.
  const hasCopied = () => {
    try {
      return readFileSync(join(folder, 'filter.bpf')).length === 16;
    } catch {
      return false;
    }
  };
  while (!hasCopied()) await new Promise((resolve) => setTimeout(resolve, 10));
  await new Promise((resolve) => setTimeout(resolve, 100));
  child.stdin?.end('x'.repeat(Number(bytes)));
  const [code] = await closed;
  expect([fault, code]).toEqual([undefined, 0]);
});
