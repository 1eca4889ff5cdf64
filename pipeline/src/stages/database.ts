// The vulnerability database: an input of its own. Looked up on each run, downloaded once for each digest, and weighed before use.
import { type Container, type Directory, dag, type Service } from '@dagger.io/dagger';
import { type Inspection, type Lookup, originOf, parseInspection, parseLookup } from '../core/gate/database.ts';
import type { DatabaseFacts } from '../core/gate/decide.ts';
import type { DatabasePolicy } from '../core/gate/policy.ts';
import type { StepResult } from '../core/model.ts';
import type { RunContext } from './context.ts';
import { nodeContainer } from './install.ts';
import { runStep, stepFolder } from './step.ts';

export type DatabaseOptions = {
  /** A folder with one, instead of any registry. */
  folder: Directory | undefined;
  /** Instead of the policy's references; empty for those. */
  reference: string;
  /** The registry of `reference`, where only the caller can reach it. */
  service: Service | undefined;
  mirrors: readonly string[];
};

export type Database = { folder: Directory; facts: DatabaseFacts };
export type Found = {
  steps: StepResult[];
  database: Database | null;
  missing: string | null;
  /** That it is not the current one, as far as is known; null where a registry answered, or none was asked. */
  remembered: string | null;
};
type Weighed = Omit<Found, 'remembered'>;

const PROGRAMS = '/programs/oci';
const PROGRAM = `${PROGRAMS}/vuln-db.ts`;
/** Under this name the service is known in the steps that ask it. */
const REGISTRY = 'vuln-db-registry';
/** Survives runs: what the registries said last serves when none answers. */
const MEMORY = 'drydock-vuln-db-lookups';

/** What the registries said. */
export type LookedUp = { result: StepResult; lookup: Lookup | null };

export async function obtainDatabase(
  context: RunContext,
  options: DatabaseOptions,
  policy: DatabasePolicy,
  asked?: Promise<LookedUp> | null,
): Promise<Found> {
  if (options.folder !== undefined)
    return { ...(await weigh(context, options.folder, null, policy, [])), remembered: null };
  const answer = await (asked ?? lookUp(context, options, policy));
  const remembered = answer.lookup?.from === 'memory' ? answer.lookup.reason : null;
  return { ...(await download(context, options, policy, answer)), remembered };
}

async function download(
  context: RunContext,
  options: DatabaseOptions,
  policy: DatabasePolicy,
  { result, lookup }: LookedUp,
): Promise<Weighed> {
  if (lookup === null) return { steps: [result], database: null, missing: null };
  if (lookup.digest === null || lookup.reference === null) {
    return {
      steps: [result],
      database: null,
      missing: `no vulnerability database: ${lookup.reason ?? 'none is available'}`,
    };
  }
  const named = `${lookup.reference.replace(/:[^:/]*$/, '')}@${lookup.digest}`;
  const out = `${stepFolder('database-download')}/database`;
  const downloaded = await runStep(context, {
    stage: 'scan',
    step: 'database-download',
    container: asking(context, options),
    args: ['node', PROGRAM, 'download', '--reference', named, ...places(options), '--out', out],
    shown: `node oci/vuln-db.ts download --reference ${named}`,
  });
  const steps = [result, downloaded.result];
  if (downloaded.result.exitCode === UNAVAILABLE) {
    // Not the step's fault: it is told as what is missing, not as a failure. The program's first line says why, its second what to do.
    return {
      steps: [result],
      database: null,
      missing: `no vulnerability database: ${downloaded.log.split('\n')[0]}`,
    };
  }
  if (downloaded.result.exitCode !== 0) return { steps, database: null, missing: null };
  return await weigh(context, downloaded.container.directory(out), lookup, policy, steps);
}

/** The program's word for: nobody answered, or nobody would serve us. */
const UNAVAILABLE = 3;

/** Which digest the references stand for now. */
export async function lookUp(context: RunContext, options: DatabaseOptions, policy: DatabasePolicy): Promise<LookedUp> {
  const references = options.reference === '' ? policy.references : [options.reference];
  const out = `${stepFolder('database-lookup')}/lookup.json`;
  const { result, container } = await runStep(context, {
    stage: 'scan',
    step: 'database-lookup',
    container: asking(context, options)
      .withMountedCache('/memory', dag.cacheVolume(MEMORY))
      // It runs each time, and to read the program anew takes longer than to ask.
      .withEnvVariable('NODE_COMPILE_CACHE', '/memory/compiled'),
    always: true,
    args: [
      ...[
        'node',
        PROGRAM,
        'resolve',
        ...references.flatMap((reference) => ['--reference', inSteps(reference, options)]),
      ],
      ...[...places(options), '--memory', '/memory', '--out', out],
    ],
    shown: `node oci/vuln-db.ts resolve ${references.map((reference) => `--reference ${reference}`).join(' ')}`,
  });
  const lookup: Lookup | null = result.exitCode === 0 ? parseLookup(await container.file(out).contents()) : null;
  return { result, lookup };
}

/** Hash, date and content of the database, and whose word it has. */
async function weigh(
  context: RunContext,
  folder: Directory,
  lookup: Lookup | null,
  policy: DatabasePolicy,
  before: StepResult[],
): Promise<Weighed> {
  const out = stepFolder('database-inspect');
  const { result, container } = await runStep(context, {
    stage: 'scan',
    step: 'database-inspect',
    container: programs(context).withMountedDirectory('/database', folder),
    args: [
      'node',
      PROGRAM,
      'inspect',
      '--db',
      '/database',
      '--unpack',
      `${out}/database`,
      '--out',
      `${out}/inspection.json`,
    ],
    shown: 'node oci/vuln-db.ts inspect',
  });
  const steps = [...before, result];
  if (result.exitCode !== 0) return { steps, database: null, missing: null };
  const inspection: Inspection = parseInspection(await container.file(`${out}/inspection.json`).contents());
  const facts: DatabaseFacts = {
    digest: lookup?.digest ?? inspection.sha256,
    sha256: inspection.sha256,
    source: lookup?.reference ?? 'a folder that was given',
    updatedAt: inspection.updatedAt,
    origin: originOf(lookup, inspection, policy),
    advisories: inspection.advisories,
  };
  return { steps, database: { folder: container.directory(inspection.folder), facts }, missing: null };
}

function programs(context: RunContext): Container {
  return nodeContainer(context).withMountedDirectory(PROGRAMS, context.programs.directory('oci'));
}

function asking(context: RunContext, { service }: DatabaseOptions): Container {
  return service === undefined ? programs(context) : programs(context).withServiceBinding(REGISTRY, service);
}

/** A registry that is a service has another name in the steps; its port stays. */
function inSteps(reference: string, { service }: DatabaseOptions): string {
  return service === undefined ? reference : reference.replace(/^[^/:]+/, REGISTRY);
}

function places({ mirrors, service, reference }: DatabaseOptions): string[] {
  const [host = ''] = inSteps(reference, { service } as DatabaseOptions).split('/');
  return [
    ...mirrors.flatMap((mirror) => ['--mirror', mirror]),
    ...(service === undefined ? [] : ['--plain-http', host]),
  ];
}
