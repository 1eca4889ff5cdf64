// Sessions that run at once on one store and one machine: services of one name, port and address, and neither meets the other's.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DOMAIN } from '../../engine/run/nameserver.ts';
import { makeBase } from './conformance/base.ts';
import { type EngineSession, openSession, sh } from './engine-session.ts';
import { temporaryFolder } from './support.ts';

type Held = { session: EngineSession; ask: (fields: string) => Promise<string> };
let left: Held;
let right: Held;

/** A session with a service called `shop` that says who it is. */
async function open(cache: string, base: string, name: string): Promise<Held> {
  const session = await openSession({ XDG_CACHE_HOME: cache });
  const ask = await session.from(base);
  const container = `withNewFile(path: "/www/index.html", contents: "${name}") { withExposedPort(port: 8080)`;
  const command = 'asService(args: ["httpd", "-f", "-p", "8080", "-h", "/www"])';
  await ask(`${container} { ${command} { withHostname(hostname: "shop") { start } } } }`);
  return { session, ask };
}

beforeAll(async () => {
  const cache = await temporaryFolder('parallel');
  const base = await makeBase(cache);
  [left, right] = await Promise.all([open(cache, base, 'left'), open(cache, base, 'right')]);
});
afterAll(async () => {
  for (const { session } of [left, right]) await session.kill();
});

/** Different each time, so that no answer is remembered. */
const visit = ({ ask }: Held) => ask(sh(`: ${randomUUID()}; wget -qO- http://shop:8080/index.html`));
const address = ({ ask }: Held) =>
  ask(sh(`: ${randomUUID()}; nslookup shop.${DOMAIN} | grep -o '10\\.87\\.[0-9.]*' | tail -1`));

test('each finds its own by the same name, port and address', async () => {
  expect(await Promise.all([visit(left), visit(right)])).toEqual(['left', 'right']);
  const [ofLeft, ofRight] = [await address(left), await address(right)];
  expect(ofLeft).toMatch(/^10\.87\.\d+\.\d+\n$/);
  expect(ofRight).toBe(ofLeft);
});

test('none of the other’s is seen: a service of another address is nowhere', async () => {
  const extra =
    'asService(args: ["httpd", "-f", "-p", "9999", "-h", "/"]) { withHostname(hostname: "extra") { start } }';
  await left.ask(`withExposedPort(port: 9999) { ${extra} }`);
  const look = (where: string) =>
    sh(`: ${randomUUID()}; nc -w 2 ${where} 9999 < /dev/null && echo reached || echo nothing`);
  expect(await left.ask(look('extra'))).toBe('reached\n');
  const its = await left.ask(sh(`nslookup extra.${DOMAIN} | grep -o '10\\.87\\.[0-9.]*' | tail -1`));
  for (const where of ['extra', its.trim()]) expect(await right.ask(look(where))).toBe('nothing\n');
});

test('the end of one, even by kill -9, is nothing to the other', async () => {
  await left.session.kill();
  expect(await visit(right)).toBe('right');
});
