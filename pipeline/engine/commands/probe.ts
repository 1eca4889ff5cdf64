// `probe`: tries what a session needs of this machine by the session's own means: a store, a step of an empty image, a network.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '../errors.ts';
import { hostRegistries, type Source } from '../images/assembled/registries.ts';
import type { KnownHoles } from '../run/holes.ts';
import { REFUSAL, type Refusal } from '../run/isolation.ts';
import { unlimited } from '../run/limits.ts';
import type { Attachment } from '../run/network.ts';
import { TailOutputs } from '../run/outputs.ts';
import { Session, type SessionOptions } from '../session.ts';
import { describeTools, knownHoles } from './tools.ts';

interface Fault {
  readonly message: string;
  readonly hint?: string;
}

export interface Probe {
  /** Whose programs run steps, as `tools` says it. */
  readonly programs: string;
  /** What is known of their versions. */
  readonly holes: readonly KnownHoles[];
  /** Why a step cannot run, if it can't. */
  readonly step: Fault | null;
  /** Why a step has no way out, if it is to have one and has none. */
  readonly network: Fault | null;
  /** Why steps are not isolated from each other, if they are not. */
  readonly notIsolated: Refusal | null;
  /** Names of what a step may use without limit. */
  readonly unlimited: readonly string[];
  /** Where packages come from, without credentials. */
  readonly packages: { readonly debian: readonly string[]; readonly npm: readonly string[] };
  readonly store: string;
  /** How many images the store knows. */
  readonly images: number;
}

export async function probe(options: SessionOptions): Promise<Probe> {
  const session = await Session.start(options);
  try {
    const packages = packagePlaces();
    const attached = await session.network.lease().catch(faultOf);
    const isAttached = attached === undefined || 'path' in attached;
    const step = await runStep(session, isAttached ? attached : undefined).catch(faultOf);
    return {
      programs: describeTools(process.env.DRYDOCK_TOOLS),
      holes: knownHoles(process.env.DRYDOCK_TOOLS),
      step: step ?? null,
      network: isAttached ? null : attached,
      notIsolated: REFUSAL ?? null,
      unlimited: unlimited(options.limits),
      packages: await packages,
      store: session.store.root,
      images: countOf(join(session.store.root, 'records', 'images')),
    };
  } finally {
    await session.close();
  }
}

/** The program that reaps a step's processes is at hand in every step, and all that an empty image can run. */
async function runStep({ runner, store }: Session, network: Attachment | undefined): Promise<Fault | undefined> {
  const outputs = new TailOutputs([]);
  const { exitCode, startError } = await runner.run({
    args: ['/dev/.init', '--version'],
    env: new Map(),
    cwd: '/',
    identity: { uid: 0, gid: 0, groups: [] },
    lowers: [],
    upper: store.scratchFolder('probe'),
    mounts: [],
    outputs,
    hostname: 'probe',
    noInit: false,
    insecureRootCapabilities: false,
    ...(network === undefined ? {} : { network }),
  });
  if (exitCode === 0) return undefined;
  return { message: startError ?? (outputs.text('combined').trim() || `a step ended with exit code ${exitCode}`) };
}

async function packagePlaces(): Promise<Probe['packages']> {
  const registries = hostRegistries();
  const addresses = (sources: Promise<Source[]>) =>
    sources.then(
      (found) => found.map(({ url }) => url),
      () => [], // nothing here says where: told as an empty list
    );
  return { debian: await addresses(registries.debian('debian')), npm: await addresses(registries.npm('npm')) };
}

/** Whatever a program of the system says is a finding here, also what a session would take for a bug. */
function faultOf(error: unknown): Fault {
  const message = (error as Error).message.trim().replaceAll('\n', '; ');
  const hint = error instanceof EngineError ? error.hint : undefined;
  return hint === undefined ? { message } : { message: message.replace(`; ${hint}`, ''), hint };
}

const countOf = (folder: string) => (existsSync(folder) ? readdirSync(folder).length : 0);
