// The program that connects steps with the host's network, ended by something else while a session runs: steps have a network again.
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { sdkSession, sh } from '../sdk-session.ts';

const t = sdkSession();

const statusOf = (pid: string): Record<string, string> => {
  try {
    const lines = readFileSync(`/proc/${pid}/status`, 'utf8').split('\n');
    return Object.fromEntries(lines.map((line) => line.split(/:\s+/) as [string, string]));
  } catch {
    return {}; // it has ended meanwhile
  }
};

/** Of the engine that this test started: pasta runs as a child, or a grandchild, of it. */
function waysOut(): number[] {
  const parents = new Map(readdirSync('/proc').map((pid) => [pid, statusOf(pid)]));
  const isOurs = (pid = ''): boolean => pid === String(t.pid) || (pid > '1' && isOurs(parents.get(pid)?.PPid));
  return [...parents].flatMap(([pid, { Name = '' }]) =>
    /^(pasta|passt)/.test(Name) && isOurs(pid) ? [Number(pid)] : [],
  );
}

test('it is started anew, as often as it ends', async () => {
  await t.base().withExec(sh('true')).sync();
  for (const round of ['one', 'two']) {
    const [before = 0, ...more] = waysOut();
    expect([before > 0, more]).toEqual([true, []]);
    process.kill(before, 'SIGKILL');
    await vi.waitFor(() => expect(waysOut().filter((pid) => pid !== before).length).toBe(1), { timeout: 30_000 });
    const routes = await t.base().withEnvVariable('ROUND', round).withExec(sh('ip route')).stdout();
    expect(routes).toMatch(/^default via /m);
  }
  expect(t.said().match(/^warning: pasta, .* ended \(SIGKILL\) and was started again$/gm)).toHaveLength(2);
});
