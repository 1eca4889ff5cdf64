// Programs of a kind that Dagger's users write, each a process of its own with the unmodified SDK, on the embedded engine.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { $ } from 'zx';
import { environment, ROOT } from './support.ts';

const programs: [name: string, answer: unknown][] = [
  ['database', ['# pass 2', '# fail 0']],
  ['multi-stage', { files: ['greet.mjs'], hasSource: false, hasShell: false, user: '65532', said: 'hello you\n' }],
  [
    'matrix',
    [
      ['UTC', 'en-GB', '00:00:00', 0],
      ['UTC', 'de-DE', '00:00:00', 0],
      ['Asia/Kathmandu', 'en-GB', '05:30:00', 1],
      ['Asia/Kathmandu', 'de-DE', '05:30:00', 1],
      ['America/St_Johns', 'en-GB', '20:30:00', 1],
      ['America/St_Johns', 'de-DE', '20:30:00', 1],
    ],
  ],
];
for (const [name, answer] of programs) {
  test(name, async () => {
    const env = environment({ _EXPERIMENTAL_DAGGER_CLI_BIN: join(ROOT, 'pipeline/engine/bin/embedded-engine') });
    const program = `pipeline/test/system/examples/${name}.ts`;
    const ran = await $({ cwd: ROOT, env, nothrow: true, quiet: true })`${process.execPath} --import tsx ${program}`;
    expect(ran.exitCode, ran.stderr).toBe(0);
    expect(JSON.parse(ran.stdout)).toEqual(answer);
  });
}
