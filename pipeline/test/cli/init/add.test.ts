// `add platform` on real folders: what it writes, what it leaves alone, and what it says comes next.
import { existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { add } from '../../../cli/init/add.ts';
import { init } from '../../../cli/init/init.ts';
import { markedBy } from '../../../src/core/init/mark.ts';
import { isPlatform } from '../../../src/core/smoke/alone.ts';
import { VERSION } from '../../../src/core/version.ts';
import { hasGit } from '../../git.ts';
import { makeRepository, service } from '../check/repositories.ts';
import { recorder, temporaryFolder, toRefusal } from '../make.ts';

const terminal = () => ({ out: recorder(), err: recorder(), interrupted: new Promise<never>(() => {}) });

async function run(root: string, dryRun = false): Promise<string> {
  const at = terminal();
  expect(await add({ kind: 'add', dryRun }, root, at)).toBe(0);
  return at.out.text();
}

const files = (root: string) =>
  readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => !path.startsWith('.git/'))
    .sort();
const read = (root: string, path: string) => readFileSync(join(root, path), 'utf8');

test.runIf(hasGit)('all that a platform is made of, each file marked, and nothing a second time', async () => {
  const root = makeRepository(service());
  const before = files(root);
  const planned = await run(root, true);
  expect(files(root)).toEqual(before);
  const said = await run(root);
  const listed = (text: string) => [...text.matchAll(/^ {2}(\S+)$/gm)].map(([, path = '']) => path);
  expect(listed(said)).toEqual(listed(planned));
  expect(listed(said)).toEqual(
    expect.arrayContaining([
      ...['.env.example', 'docker-compose.yml', 'monitoring/alertmanager/secrets/.gitignore'],
      ...['monitoring/grafana/dashboards/service.json', 'nginx/templates/default.conf.template'],
    ]),
  );
  for (const path of listed(said)) expect(markedBy(read(root, path)), path).toBe(VERSION);
  for (const path of listed(said).filter((name) => name.endsWith('.json')))
    expect(JSON.parse(read(root, path))).toMatchObject({ '//': expect.any(String), uid: expect.any(String) });
  expect(isPlatform(read(root, 'docker-compose.yml'))).toBe(true);
  expect(said).toMatch(/^next:\n[\s\S]*smoke/m);
  const again = await run(root);
  expect(again).toContain('nothing has to be written\n');
  expect(again).not.toContain('written:');
});

test.runIf(hasGit)('probes of the service’s own health path count as no requests', async () => {
  const config = 'services:\n  - path: .\n    health: /internal/health.json\n';
  const root = makeRepository(service({}, { 'drydock.yaml': config }));
  await run(root);
  const [rules, dashboard, manifest] = [
    'monitoring/prometheus/rules/slo.yml',
    'monitoring/grafana/dashboards/service.json',
    'deploy/base/monitoring.yaml',
  ].map((path) => read(root, path));
  for (const text of [rules, dashboard, manifest]) {
    expect(text).toMatch(/route!~\\?"\/internal\/health\[\.\]json\|\/metrics/);
    expect(text).not.toMatch(/route!~\\?"\/health\|/);
  }
  expect(read(root, 'monitoring/prometheus/tests/slo.yml')).toContain('route="/internal/health.json"');
});

test.runIf(hasGit)('what is there stays, and a compose file that deploys something else is named', async () => {
  const compose = 'services:\n  db: { image: "postgres:17" }\n';
  const root = makeRepository(service({}, { 'docker-compose.yml': compose, '.env.example': 'A=1\n' }));
  const said = await run(root);
  expect(said).toContain('there already, and left as it is:\n  .env.example\n  docker-compose.yml\n');
  expect(said).toMatch(/^- move app, nginx, .* into your docker-compose\.yml$/m);
  expect([read(root, 'docker-compose.yml'), read(root, '.env.example')]).toEqual([compose, 'A=1\n']);
});

test.runIf(hasGit)('it writes into the repository alone: a link that leads elsewhere is not followed', async () => {
  const [root, elsewhere] = [makeRepository(service()), temporaryFolder()];
  symlinkSync(elsewhere, join(root, 'monitoring'));
  await expect(run(root).catch((error) => Promise.reject(toRefusal(error)))).rejects.toMatchObject({
    code: 'BAD_OPTION',
  });
  expect(readdirSync(elsewhere)).toEqual([]);
  expect(existsSync(join(root, 'docker-compose.yml'))).toBe(false);
});

test.runIf(hasGit)(
  'a workflow delivers where there is a platform, and says what it needs where there is none',
  async () => {
    const WORKFLOW = '.github/workflows/drydock.yml';
    const root = makeRepository(service({}, { '.github/CODEOWNERS': '* @acme/team\n' }));
    const writeWorkflow = async () =>
      expect(await init({ kind: 'init', yes: true, dryRun: false, json: false }, root, terminal())).toBe(0);
    await writeWorkflow();
    const first = parse(read(root, WORKFLOW));
    expect(Object.keys(first.jobs)).toEqual(['ci']);
    expect(Object.keys(first.on.push)).toEqual(['branches']);
    expect(first.jobs.ci).not.toHaveProperty('if');
    expect(read(root, WORKFLOW)).toMatch(/^# .*job cd, which delivers, needs a platform: npx drydock add platform/);
    expect(await run(root)).toMatch(/^- to deliver: copy the job cd of \S+ into \.github\/workflows\/drydock\.yml$/m);

    const other = makeRepository(service({}, { '.github/CODEOWNERS': '* @acme/team\n' }));
    await run(other);
    expect(await init({ kind: 'init', yes: true, dryRun: false, json: false }, other, terminal())).toBe(0);
    expect(Object.keys(parse(read(other, WORKFLOW)).jobs)).toEqual(['ci', 'cd']);
  },
);
