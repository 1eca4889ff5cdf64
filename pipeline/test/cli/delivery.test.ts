// To which registry a secret goes that nobody named: GitHub's token is for GitHub's registry.
import { expect, test } from 'vitest';
import { readSecrets } from '../../cli/delivery.ts';

const NONE = { token: '', 'cosign-key': '', 'cosign-password': '', 'oidc-url': '', 'oidc-token': '' };
const HOME = 'https://github.company.example';
const COMPANY = 'https://company.ghe.com';

// Which registry a GitHub has: docs.github.com, "Working with the Container registry" (also of GitHub Enterprise Server, and of ghe.com).
const rows: [registry: string, reference: string, server: string, token: string][] = [
  ['ghcr.io', '', '', 'ghp_1'],
  ['ghcr.io', '', 'https://github.com', 'ghp_1'],
  ['127.0.0.1:5680', '', '', ''],
  ['ghcr.io.example', '', '', ''],
  ['ghcr.io:5000', '', '', ''],
  ['', '', '', ''],
  ['ghcr.io', 'ghcr.io/acme/app:main', '', 'ghp_1'],
  ['ghcr.io', '127.0.0.1:5680/acme/app:main', '', ''],
  ['ghcr.io', 'acme/app:main', '', ''],
  ['ghcr.io', 'ghcr.io.example/acme/app:main', '', ''],
  ['containers.github.company.example', '', HOME, 'ghp_1'],
  ['containers.company.ghe.com', '', COMPANY, 'ghp_1'],
  ['ghcr.io', '', HOME, ''],
  ['github.company.example', '', HOME, ''],
  ['ghcr.io', '', 'no address', ''],
];
test.each(rows)('without --token, at %s %s (of %s): %s', (registry, reference, server, token) => {
  const env = { GITHUB_TOKEN: 'ghp_1', ...(server === '' ? {} : { GITHUB_SERVER_URL: server }) };
  expect(readSecrets({ secrets: NONE, registry, reference }, env).token).toBe(token);
  expect(readSecrets({ secrets: { ...NONE, token: 'env://GITHUB_TOKEN' }, registry, reference }, env).token).toBe(
    'ghp_1',
  );
});

test('the key to sign with goes to no registry, and is taken unasked for any', () => {
  const env = { COSIGN_PRIVATE_KEY: 'key', COSIGN_PASSWORD: 'word' };
  expect(readSecrets({ secrets: NONE, registry: '127.0.0.1:5000', reference: '' }, env)).toEqual({
    ...NONE,
    'cosign-key': 'key',
    'cosign-password': 'word',
  });
});
