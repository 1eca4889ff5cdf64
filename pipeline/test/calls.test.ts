// Calls of the tool are read as a shell and both doors read them: what is made up in one is found.
import { expect, test } from 'vitest';
import { readCall, unknownIn } from './calls.ts';

const rows: [text: string, name: string, unknown: string[]][] = [
  ['npx drydock ci --strict', 'ci', []],
  ['npx drydock', 'ci', []],
  ['npx drydock --output out gate --replay out/verdict.json', 'gate', []],
  ['npx drydock ci ${BASE:+--base "$BASE"}', 'ci', []],
  ['npx drydock ci ${BASE:+--bases "$BASE"}', 'ci', ['--bases']],
  ['npx drydock lint --base main', 'lint', ['--base']],
  ['npx drydock biuld', 'biuld', ['biuld']],
  ['npx drydock verify ghcr.io/acme/app:main --cosign-pub cosign.pub # a key', 'verify', []],
  ['dagger call -m ../drydock --source . --repo . --strict ci --base "$BASE" report export --path ../out', 'ci', []],
  ['dagger call --strict smoke exit-code', 'smoke', []],
  ['dagger call --stricter no ci exit-code', 'ci', ['--stricter']],
  ['dagger call --source . --strict cd --run out --verify report export --path out', 'cd', ['--verify']],
  ['dagger call ci --strict exit-code', 'ci', ['--strict']],
  ['dagger call -m MODULE --source . --repo . cl exit-code', 'cl', ['cl']],
  ['dagger call check-lint', 'check-lint', []],
];
test.each(rows)('%s', (text, name, unknown) => {
  const call = readCall(text);
  expect(call?.name).toBe(name);
  expect(call === null ? null : unknownIn(call)).toEqual(unknown);
});

test('another command is no call', () => expect(readCall('npm ci')).toBeNull());
