// Asks the service for its four paths through nginx: status, body and headers of each, and that it is what was deployed.
//
//   node paths.ts --out FILE --nginx URL --seconds N --commit TEXT --built TEXT --digest sha256:…
//
// Asks again for N seconds: where the service moved just now, nginx may still know its old address.
import { type Answer, ask } from './ask.ts';
import { expectThat, optionsOf, probe, runAsProgram, until } from './program.ts';

/** Sent with every request; nginx hands a well-formed one on, and says it in its answer. */
const REQUEST_ID = 'smoke.1';

type Body = Record<string, unknown>;

/** What nginx sets on whatever it answers. */
const HEADERS: Readonly<Record<string, string>> = {
  'x-request-id': REQUEST_ID,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
  server: 'nginx',
};

export type Deployed = { commit: string; built: string; digest: string };

/** Throws what is wrong with an answer; says in short what is right. */
export function judge(path: string, { status, headers, text }: Answer, deployed: Deployed): string {
  const expected = path === '/metrics' ? 404 : 200;
  expectThat(status === expected, `it answers ${status}, not ${expected}: ${text.slice(0, 200)}`);
  for (const [name, value] of Object.entries(HEADERS))
    expectThat(headers[name] === value, `its header ${name} is ${headers[name] ?? 'missing'}, not ${value}`);
  const type = path === '/metrics' ? 'application/problem+json' : 'application/json';
  const [found] = (headers['content-type'] ?? '').split(';');
  expectThat(found === type, `its content type is ${found || 'missing'}, not ${type}`);
  const body = JSON.parse(text) as Body;
  const wrong = Object.entries(bodyOf(path, deployed)).find(([key, value]) => body[key] !== value);
  expectThat(
    wrong === undefined,
    `it says that ${wrong?.[0]} is ${JSON.stringify(body[wrong?.[0] ?? ''])}, not ${JSON.stringify(wrong?.[1])}`,
  );
  return `${status}, ${type}${path === '/version' ? `, ${deployed.digest}` : ''}`;
}

/** What has to be in a body. A variable that was empty is null. */
function bodyOf(path: string, { commit, built, digest }: Deployed): Body {
  if (path === '/health') return { status: 'ok' };
  if (path === '/version') return { commit: commit || null, built: built || null, digest };
  return path === '/metrics' ? { status: 404, request_id: REQUEST_ID } : {};
}

runAsProgram('paths.ts', async (args) => {
  const names = ['out', 'nginx', 'seconds', 'commit', 'built', 'digest'] as const;
  const { out, nginx, seconds, ...deployed } = optionsOf(args, ...names);
  await probe(async (check) => {
    for (const path of ['/', '/health', '/version', '/metrics']) {
      await check(`${path} through nginx`, () =>
        until(Number(seconds), async () =>
          judge(path, await ask(`${nginx}${path}`, { headers: { 'X-Request-Id': REQUEST_ID } }), deployed),
        ),
      );
    }
  }, out);
});
