// Tries an engine that is not ours as the stages use one, in some ten seconds: what it does otherwise than they expect.
import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type Container, dag } from '@dagger.io/dagger';
import { reasonOf } from '../../src/core/errors.ts';
import { causeOf } from '../../src/stages/engine.ts';
import { Images } from '../../src/stages/images.ts';
import { nodeContainer } from '../../src/stages/install.ts';
import { DAGGER_VERSION } from '../engine.ts';
import type { Trial } from './facts.ts';

export type TrialOptions = {
  images: string | null;
  mirrors: readonly string[];
  /** Where npm's packages come from; empty where npm does not say. */
  registry: string;
  env: NodeJS.ProcessEnv;
};

/** Inside a session of the engine. */
export async function tryEngine(options: TrialOptions): Promise<Trial> {
  const begun = performance.now();
  const differs: string[] = [];
  const tried: string[] = [];
  let answers = true;
  const attempt = async (what: string, work: () => Promise<string | null>): Promise<boolean> => {
    const fault = await work().catch((error: unknown) => firstLine(error));
    if (fault === null) tried.push(what);
    else differs.push(`${what}: ${fault}`);
    return fault === null;
  };
  let diskFree: number | null = null;
  await attempt('version', () =>
    withinSeconds(ANSWER_SECONDS, versionOf()).catch((error: unknown) => {
      answers = false;
      throw error;
    }),
  );
  const images = imagesOf(options);
  const canStep =
    answers &&
    (await attempt('image', () => images.obtain('node').then(() => null))) &&
    (await attempt('step', () => runsStep(images.container('node'))));
  if (canStep) {
    const node = nodeIn(images);
    await Promise.all([
      attempt('folder', () => handsFolder(node)),
      attempt('service', () => reachesService(node)),
      attempt('secret', () => keepsSecret(node)),
      attempt('certificates', () => trustsOurs(node, options.env)),
      ...(options.registry === '' ? [] : [attempt('network', () => reaches(node, options.registry))]),
      attempt('disk', async () => {
        diskFree = Number(await said(node, DISK));
        return null;
      }),
    ]);
  }
  return { tried, differs, diskFree, canStep, seconds: (performance.now() - begun) / 1000 };
}

function imagesOf({ images, mirrors }: TrialOptions): Images {
  const archives = images === null ? undefined : dag.host().directory(resolve(images), { include: ['*.tar'] });
  return new Images({ archives, mirrors });
}

/** As the stages have it, and never answered from a cache. */
const nodeIn = (images: Images): Container =>
  nodeContainer({ images }).withEnvVariable('TRIAL', randomBytes(8).toString('hex'));

const said = (container: Container, script: string) =>
  container.withExec(['node', '--input-type=module', '--eval', script]).stdout();

/** Its version is what an engine knows without doing anything. */
const ANSWER_SECONDS = 20;

async function withinSeconds<T>(seconds: number, work: Promise<T>): Promise<T> {
  const late = wait(seconds * 1000, undefined, { ref: false }).then(() => {
    throw new Error(`no answer for ${seconds} s`);
  });
  return await Promise.race([work, late]);
}

const firstLine = (error: unknown) => reasonOf(causeOf(error)).split('\n')[0]?.slice(0, 300) ?? '';

const unlike = (found: string, wanted: string) => (found === wanted ? null : `${found}, not ${wanted}`);

const versionOf = async () => unlike((await dag.version()).replace(/^v/, ''), DAGGER_VERSION);

const runsStep = async (container: Container) =>
  unlike(await said(container, 'process.stdout.write("ran ünder Node")'), 'ran ünder Node');

/** In, through a step, and out to this machine. */
async function handsFolder(node: Container): Promise<string | null> {
  const folder = await mkdtemp(join(tmpdir(), 'drydock-trial-'));
  try {
    const copy = 'require("fs").cpSync("/given", "/made", { recursive: true })';
    const given = dag.directory().withNewFile('a/b', 'content', { permissions: 0o755 });
    const made = node.withDirectory('/given', given).withExec(['node', '--eval', copy]).directory('/made');
    await made.export(folder);
    return unlike(await readFile(join(folder, 'a/b'), 'utf8'), 'content');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const SERVE = 'require("http").createServer((_, answer) => answer.end("served")).listen(8080)';

async function reachesService(node: Container): Promise<string | null> {
  const name = `trial-${randomBytes(4).toString('hex')}`;
  const service = node
    .withExposedPort(8080)
    .asService({ args: ['node', '--eval', SERVE] })
    .withHostname(name);
  await service.start();
  try {
    return unlike(
      await said(node, `process.stdout.write(await (await fetch("http://${name}:8080")).text())`),
      'served',
    );
  } finally {
    await service.stop({ kill: true });
  }
}

async function keepsSecret(node: Container): Promise<string | null> {
  const value = randomBytes(16).toString('hex');
  const script =
    'process.stdout.write((await import("node:crypto")).hash("sha256", process.env.KEPT) + process.env.KEPT)';
  const secret = dag.setSecret(`trial-${value.slice(0, 8)}`, value);
  const shown = await said(node.withSecretVariable('KEPT', secret), script);
  if (!shown.startsWith(createHash('sha256').update(value).digest('hex'))) return 'a step does not get its value';
  return shown.includes(value) ? 'its value is shown in what a step says' : null;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const BUNDLE = 'process.stdout.write(require("fs").readFileSync("/etc/ssl/certs/ca-certificates.crt"))';

/** Those that this machine was given besides the world's. */
async function trustsOurs(node: Container, env: NodeJS.ProcessEnv): Promise<string | null> {
  const named = env.NODE_EXTRA_CA_CERTS;
  if (!named || !existsSync(named)) return null;
  const bundle = await node.withExec(['node', '--eval', BUNDLE]).stdout();
  const there = new Set(fingerprints(bundle));
  const lacking = fingerprints(readFileSync(named, 'utf8')).filter((fingerprint) => !there.has(fingerprint));
  return lacking.length === 0 ? null : `steps lack ${lacking.length} of those in ${named}`;
}

const fingerprints = (bundle: string) =>
  (bundle.match(CERTIFICATE) ?? []).map((text) => new X509Certificate(text).fingerprint256);

/** Any answer will do: a network is there, and what it shows as a certificate is believed. */
async function reaches(node: Container, url: string): Promise<string | null> {
  const script = `await fetch(${JSON.stringify(url)}, { signal: AbortSignal.timeout(8000) }).then(() => {}, (error) => process.stdout.write(String(error.cause?.message ?? error.message)))`;
  const fault = await said(node, script);
  return fault === '' ? null : `a step does not reach ${url}: ${fault.split('\n')[0]}`;
}

const DISK =
  'const { statfsSync } = await import("node:fs"); const { bavail, blocks } = statfsSync("/"); process.stdout.write(String(bavail / blocks))';
