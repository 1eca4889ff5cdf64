/** drydock: lint, test, build, describe, scan, gate and deploy the service, the same on a laptop and in CI. */
import {
  argument,
  check,
  type Directory,
  dag,
  type File,
  func,
  type GitRepository,
  object,
  type Secret,
  type Service,
} from '@dagger.io/dagger';
import { PipelineError } from './core/errors.ts';
import {
  CAPSULE_STAGES,
  type CapsuleStage,
  type Given,
  isCapsuleStage,
  type StageFunction,
  stagesInCapsule,
  stagesOf,
} from './core/functions.ts';
import { phraseVerdict } from './core/phrases.ts';
import { DEFAULT_PLATFORM } from './core/platforms.ts';
import { explainRecords } from './stages/gate.ts';
import { IMAGE_FILE } from './stages/made.ts';
import { NO_SCANNING, type StagesRequest } from './stages/request.ts';
import { type Outcome, run as runRequest } from './stages/run.ts';
import { NO_SIGNING } from './stages/sign.ts';

/** What came of a run: its report and the exit code that it means. A red verdict is a result, not an error. */
@object()
export class Run {
  /** result.json, summary.md, junit.xml, logs/, exit-code and whatever the stages made: image.tar, SBOMs, scan, verdict. */
  @func()
  report: Directory;

  /** 0 all asked for held; 1 a stage failed; 2 usage or configuration error; 3 the environment could not run it. */
  @func()
  exitCode: number;

  constructor(report: Directory, exitCode: number) {
    this.report = report;
    this.exitCode = exitCode;
  }
}

/** The pipeline of a repository. */
@object()
export class Ci {
  // Dagger hands on what is public, and shows nothing that is not decorated.
  source: Directory;
  repo: GitRepository;
  images?: Directory;
  mirror: string[];
  strict: boolean;
  services: string[];
  secrets: Secret[];

  /**
   * @param source the repository, without what is never read
   * @param repo its git repository, which knows commit and branch
   * @param images take images from a folder of OCI archives, not from a registry
   * @param mirror ask this place first, e.g. docker.io=host/prefix
   * @param strict fail also when something could not be evaluated
   * @param services only these of drydock.yaml (default: all of them)
   * @param secrets give it to installs: env://NPM_TOKEN, file://DIR/NPM_TOKEN
   */
  constructor(
    @argument({
      defaultPath: '/',
      ignore: ['**/.git', '.env*', '**/.env*', '**/node_modules', 'out', '**/dist', '**/coverage', 'pipeline/sdk'],
    })
    source: Directory,
    @argument({ defaultPath: '.' }) repo: GitRepository,
    images?: Directory,
    mirror: string[] = [],
    strict = false,
    services: string[] = [],
    secrets: Secret[] = [],
  ) {
    this.source = source;
    this.repo = repo;
    // Not given, it is null or undefined: either would come back as a folder of no name.
    if (images) this.images = images;
    this.mirror = mirror;
    this.strict = strict;
    this.services = services;
    this.secrets = secrets;
  }

  /**
   * Check format, lint rules and types.
   */
  @func()
  async lint(): Promise<Run> {
    return toRun(await runStages(this, 'lint'));
  }

  /**
   * Run the tests.
   */
  @func()
  async test(): Promise<Run> {
    return toRun(await runStages(this, 'test'));
  }

  /**
   * Build the service's image, as an OCI archive.
   *
   * @param platforms build the image for these (default linux/amd64)
   */
  @func()
  async build(platforms: string[] = ['linux/amd64']): Promise<File> {
    return toImage(await runStages(this, 'build', { platforms }));
  }

  /**
   * Describe image and source: SPDX and CycloneDX.
   *
   * @param image look at this OCI archive instead of building one
   * @param platforms build the image for these (default linux/amd64)
   */
  @func()
  async sbom(image?: File, platforms: string[] = ['linux/amd64']): Promise<Run> {
    const scanning = { ...NO_SCANNING, image };
    return toRun(await runStages(this, 'sbom', { platforms, scanning }, { image: image !== undefined }));
  }

  /**
   * Look for vulnerabilities, secrets and misconfigurations.
   *
   * @param image look at this OCI archive instead of building one
   * @param vulnDb the vulnerability database (default: the policy's)
   * @param vulnDbRef the same, always a reference
   * @param vulnDbService a registry that runs as a service, for --vuln-db-ref
   * @param base of a pull request: policy and VEX come from here
   * @param platforms build the image for these (default linux/amd64)
   */
  @func({ cache: 'never' })
  async scan(
    image?: File,
    vulnDb?: Directory,
    vulnDbRef = '',
    vulnDbService?: Service,
    base = '',
    platforms: string[] = ['linux/amd64'],
  ): Promise<Run> {
    const database = { folder: vulnDb, reference: vulnDbRef, service: vulnDbService, mirrors: this.mirror };
    const scanning = { ...NO_SCANNING, image, database, base };
    return toRun(await runStages(this, 'scan', { platforms, scanning }, { image: image !== undefined }));
  }

  /**
   * Decide by policy/gate.yaml whether what was found may ship.
   *
   * @param image look at this OCI archive instead of building one
   * @param vulnDb the vulnerability database (default: the policy's)
   * @param vulnDbRef the same, always a reference
   * @param vulnDbService a registry that runs as a service, for --vuln-db-ref
   * @param base of a pull request: policy and VEX come from here
   * @param baseline the base branch's verdict.json, to count new findings only
   * @param replay decide a recorded verdict.json again, from nothing but the record
   * @param rehearsal take any vulnerability database; publish to loopback only
   * @param platforms build the image for these (default linux/amd64)
   */
  @func({ cache: 'never' })
  async gate(
    image?: File,
    vulnDb?: Directory,
    vulnDbRef = '',
    vulnDbService?: Service,
    base = '',
    baseline?: File,
    replay?: File,
    rehearsal = false,
    platforms: string[] = ['linux/amd64'],
  ): Promise<Run> {
    if (replay) {
      const decided = { kind: 'decide', function: 'gate', verdict: replay, byOwnPolicy: false } as const;
      return toRun(await runRequest({ ...decided, ...shared(this) }));
    }
    const database = { folder: vulnDb, reference: vulnDbRef, service: vulnDbService, mirrors: this.mirror };
    const scanning = { image, database, base, baseline, rehearsal };
    return toRun(await runStages(this, 'gate', { platforms, scanning }, { image: image !== undefined }));
  }

  /**
   * Deploy docker-compose.yml with the image, and verify that it works.
   *
   * @param image look at this OCI archive instead of building one
   * @param platforms build the image for these (default linux/amd64)
   */
  @func({ cache: 'never' })
  async smoke(image?: File, platforms: string[] = ['linux/amd64']): Promise<Run> {
    const scanning = { ...NO_SCANNING, image };
    return toRun(await runStages(this, 'smoke', { platforms, scanning }, { image: image !== undefined }));
  }

  /**
   * Push what passed, by digest; no tag is updated.
   *
   * @param run deliver what this report of `ci` holds, instead of running it
   * @param registry where images are kept (default ghcr.io); loopback is a rehearsal
   * @param repository the repository there
   * @param registryService a registry that runs as a service, in the place of --registry
   * @param ref what is delivered, e.g. refs/tags/v1.2.3 (default: the branch)
   * @param username who logs in at the registry
   * @param token its token: env://NAME, file://PATH
   * @param dryRun push to a registry of the run’s own, which is gone afterwards
   * @param vulnDb the vulnerability database (default: the policy's)
   * @param vulnDbRef the same, always a reference
   * @param vulnDbService a registry that runs as a service, for --vuln-db-ref
   * @param base of a pull request: policy and VEX come from here
   * @param baseline the base branch's verdict.json, to count new findings only
   * @param rehearsal take any vulnerability database; publish to loopback only
   * @param platforms build the image for these (default linux/amd64)
   */
  @func({ cache: 'never' })
  async publish(
    run?: Directory,
    registry = 'ghcr.io',
    repository = '',
    registryService?: Service,
    ref = '',
    username = '',
    token?: Secret,
    dryRun = false,
    vulnDb?: Directory,
    vulnDbRef = '',
    vulnDbService?: Service,
    base = '',
    baseline?: File,
    rehearsal = false,
    platforms: string[] = ['linux/amd64'],
  ): Promise<Run> {
    const database = { folder: vulnDb, reference: vulnDbRef, service: vulnDbService, mirrors: this.mirror };
    const scanning = { ...NO_SCANNING, database, base, baseline, rehearsal };
    const target = { registry, repository, service: registryService, username, token };
    const delivery = {
      ...target,
      ref,
      builder: '',
      invocation: '',
      signing: NO_SIGNING,
      dryRun,
      skipRollback: true,
      run,
    };
    return toRun(await runStages(this, 'publish', { platforms, scanning, delivery }, { run: run !== undefined }));
  }

  /**
   * Deliver: push, sign, deploy to verify it, then update the tags.
   *
   * @param run deliver what this report of `ci` holds, instead of running it
   * @param registry where images are kept (default ghcr.io); loopback is a rehearsal
   * @param repository the repository there
   * @param registryService a registry that runs as a service, in the place of --registry
   * @param ref what is delivered, e.g. refs/tags/v1.2.3 (default: the branch)
   * @param username who logs in at the registry
   * @param token its token: env://NAME, file://PATH
   * @param dryRun push to a registry of the run’s own, which is gone afterwards
   * @param cosignKey sign with this key
   * @param cosignPassword the key’s password
   * @param oidcUrl sign by identity, as GitHub Actions gives it to a job: where to ask
   * @param oidcToken and with which token
   * @param builder who built it, for the provenance: the workflow, at its ref
   * @param invocation and by which run
   * @param skipRollback do not rehearse the rollback to the previous release
   * @param vulnDb the vulnerability database (default: the policy's)
   * @param vulnDbRef the same, always a reference
   * @param vulnDbService a registry that runs as a service, for --vuln-db-ref
   * @param base of a pull request: policy and VEX come from here
   * @param baseline the base branch's verdict.json, to count new findings only
   * @param rehearsal take any vulnerability database; publish to loopback only
   * @param platforms build the image for these (default linux/amd64)
   */
  @func({ cache: 'never' })
  async cd(
    run?: Directory,
    registry = 'ghcr.io',
    repository = '',
    registryService?: Service,
    ref = '',
    username = '',
    token?: Secret,
    dryRun = false,
    cosignKey?: Secret,
    cosignPassword?: Secret,
    oidcUrl?: Secret,
    oidcToken?: Secret,
    builder = '',
    invocation = '',
    skipRollback = false,
    vulnDb?: Directory,
    vulnDbRef = '',
    vulnDbService?: Service,
    base = '',
    baseline?: File,
    rehearsal = false,
    platforms: string[] = ['linux/amd64'],
  ): Promise<Run> {
    const database = { folder: vulnDb, reference: vulnDbRef, service: vulnDbService, mirrors: this.mirror };
    const scanning = { ...NO_SCANNING, database, base, baseline, rehearsal };
    const target = { registry, repository, service: registryService, username, token };
    const signing = { key: cosignKey, password: cosignPassword, oidcUrl, oidcToken };
    const delivery = { ...target, ref, builder, invocation, signing, dryRun, skipRollback, run };
    return toRun(await runStages(this, 'cd', { platforms, scanning, delivery }, { run: run !== undefined }));
  }

  /**
   * Check that an image is intact, who signed it, and its attestations.
   *
   * @param reference the image to verify, e.g. ghcr.io/OWNER/NAME:main
   * @param files verify what this report of `cd` or `verify` holds; needs no network
   * @param registryService a registry that runs as a service, in the place of the one that --reference names
   * @param username who logs in at the registry
   * @param token its token: env://NAME, file://PATH
   * @param cosignPub the public key that has to have signed
   * @param identity or the identity that its certificate has to name
   * @param issuer and the issuer of that identity
   */
  @func({ cache: 'never' })
  async verify(
    reference = '',
    files?: Directory,
    registryService?: Service,
    username = '',
    token?: Secret,
    cosignPub?: File,
    identity = '',
    issuer = '',
  ): Promise<Run> {
    const access = { service: registryService, username, token };
    const verification = { ...access, reference, files, key: cosignPub, identity, issuer };
    return toRun(await runRequest({ kind: 'verify', function: 'verify', ...shared(this), verification }));
  }

  /**
   * Deploy the previous release, verify it, and move the tag back.
   *
   * @param registry where images are kept (default ghcr.io); loopback is a rehearsal
   * @param repository the repository there
   * @param registryService a registry that runs as a service, in the place of --registry
   * @param username who logs in at the registry
   * @param token its token: env://NAME, file://PATH
   * @param tag the tag to put back (default main)
   * @param to go back to this image (default: what the release record says came before)
   */
  @func({ cache: 'never' })
  async rollback(
    registry = 'ghcr.io',
    repository = '',
    registryService?: Service,
    username = '',
    token?: Secret,
    tag = 'main',
    to = '',
  ): Promise<Run> {
    const rollback = { registry, repository, service: registryService, username, token, tag, to };
    return toRun(await runRequest({ kind: 'rollback', function: 'rollback', ...shared(this), rollback }));
  }

  /**
   * Say why each finding counts or not, and what moved a verdict.
   *
   * @param verdict the verdict to explain
   * @param before an earlier verdict: say what moved it since
   */
  @func()
  async explain(verdict: File, before?: File): Promise<string> {
    return await explainRecords(verdict, before);
  }

  /**
   * Lint, test, build, sbom, scan and gate, side by side.
   *
   * @param only run nothing but these stages and what they need
   * @param skip leave out these stages and what needs them
   * @param from run from these stages on: they, what needs them, and what those need
   * @param compare another run's result.json: fail unless the image is the same
   * @param vulnDb the vulnerability database (default: the policy's)
   * @param vulnDbRef the same, always a reference
   * @param vulnDbService a registry that runs as a service, for --vuln-db-ref
   * @param base of a pull request: policy and VEX come from here
   * @param baseline the base branch's verdict.json, to count new findings only
   * @param rehearsal take any vulnerability database; publish to loopback only
   * @param platforms build the image for these (default linux/amd64)
   */
  @func({ cache: 'never' })
  async ci(
    only: string[] = [],
    skip: string[] = [],
    from: string[] = [],
    compare?: File,
    vulnDb?: Directory,
    vulnDbRef = '',
    vulnDbService?: Service,
    base = '',
    baseline?: File,
    rehearsal = false,
    platforms: string[] = ['linux/amd64'],
  ): Promise<Run> {
    const database = { folder: vulnDb, reference: vulnDbRef, service: vulnDbService, mirrors: this.mirror };
    const scanning = { ...NO_SCANNING, database, base, baseline, rehearsal };
    return toRun(await runStages(this, 'ci', { platforms, compare, scanning }, { selection: { only, skip, from } }));
  }

  /**
   * Write a file that runs a stage again, anywhere and without a network.
   *
   * @param stage what the capsule is to run again (default ci: all of it)
   * @param thin leave out the images, which pins name; a replay is given them by --images
   * @param image look at this OCI archive instead of building one
   * @param vulnDb the vulnerability database (default: the policy's)
   * @param vulnDbRef the same, always a reference
   * @param vulnDbService a registry that runs as a service, for --vuln-db-ref
   * @param base of a pull request: policy and VEX come from here
   * @param baseline the base branch's verdict.json, to count new findings only
   * @param rehearsal take any vulnerability database; publish to loopback only
   * @param platforms build the image for these (default linux/amd64)
   */
  @func({ cache: 'never' })
  async capsule(
    stage = 'ci',
    thin = false,
    image?: File,
    vulnDb?: Directory,
    vulnDbRef = '',
    vulnDbService?: Service,
    base = '',
    baseline?: File,
    rehearsal = false,
    platforms: string[] = ['linux/amd64'],
  ): Promise<File> {
    const name = toCapsuleStage(stage);
    const database = { folder: vulnDb, reference: vulnDbRef, service: vulnDbService, mirrors: this.mirror };
    const scanning = { image, database, base, baseline, rehearsal };
    const capsule = { stages: stagesInCapsule(name), thin };
    const given = { stage: name, image: image !== undefined };
    return toCapsule(await runStages(this, 'capsule', { platforms, scanning, capsule }, given));
  }

  /** `dagger check`: format, lint rules and types hold. */
  @func()
  @check()
  async checkLint(): Promise<void> {
    toCheck(await runStages(this, 'lint'));
  }

  /** `dagger check`: the tests pass. */
  @func()
  @check()
  async checkTest(): Promise<void> {
    toCheck(await runStages(this, 'test'));
  }

  /** `dagger check`: what was found may ship. */
  @func({ cache: 'never' })
  @check()
  async checkGate(): Promise<void> {
    const database = { ...NO_SCANNING.database, mirrors: this.mirror };
    toCheck(await runStages(this, 'gate', { scanning: { ...NO_SCANNING, database } }));
  }
}

/** The stages of a function. */
async function runStages(
  ci: Ci,
  name: StageFunction,
  options: Partial<StagesRequest> = {},
  given: Given = {},
): Promise<Outcome> {
  const usual = { services: ci.services, platforms: [DEFAULT_PLATFORM], scanning: NO_SCANNING };
  return await runRequest({
    kind: 'stages',
    function: name,
    asked: stagesOf(name, given),
    ...usual,
    ...shared(ci),
    secrets: await secretsByName(ci.secrets),
    ...options,
  });
}

/** By the last names of their addresses; without those that are empty, which an action sets where it has none. */
async function secretsByName(secrets: readonly Secret[]): Promise<Map<string, Secret>> {
  const named = await Promise.all(
    secrets.map(async (secret) => ({
      secret,
      name: /\w*$/.exec(await secret.uri())?.[0] ?? '',
      isEmpty: (await secret.plaintext()) === '',
    })),
  );
  return new Map(named.filter(({ isEmpty }) => !isEmpty).map(({ name, secret }) => [name, secret]));
}

/** What all functions take. Programs are the module's own, whatever the repository holds. */
function shared({ source, repo, images, mirror, strict }: Ci) {
  return { source, repo, images, mirrors: mirror, strict, programs: dag.currentModule().source().directory('src') };
}

/** A check is an error or nothing. */
function toCheck({ result }: Outcome): void {
  if (result.exitCode === 0) return;
  const { message, hint } = result.error ?? {
    message: phraseVerdict(result),
    hint: `see why: dagger call ${result.function} report`,
  };
  throw new PipelineError(result.error?.code ?? 'BUILD_FAILED', message, hint);
}

function toRun({ report, result }: Outcome): Run {
  return new Run(report, result.exitCode);
}

/** A file can't be red: who asks for the image alone gets it, or the reason why there is none. */
function toImage({ report, result }: Outcome): File {
  if (result.image !== null && result.verdict === 'passed') return report.file(IMAGE_FILE);
  const names = result.parts?.map(({ name }) => name);
  if (result.verdict === 'passed' && names !== undefined)
    throw new PipelineError(
      'BAD_OPTION',
      `there is an image of each service: ${names.join(', ')}`,
      `name one: dagger call --services ${names[0]} build`,
    );
  const failed = result.stages.find(({ status }) => status === 'failed');
  const step = failed?.steps.find(({ exitCode }) => exitCode !== 0);
  const reason = result.error?.message ?? [failed?.reason, ...(step?.firstErrors ?? [])].join('\n');
  throw new PipelineError('BUILD_FAILED', `there is no image: ${reason}`, result.error?.hint ?? 'fix the build');
}

function toCapsuleStage(name: string): CapsuleStage {
  if (isCapsuleStage(name)) return name;
  throw new PipelineError('BAD_OPTION', `there is no capsule of ${name}`, `stage can be ${CAPSULE_STAGES.join(', ')}`);
}

function toCapsule({ report, result }: Outcome): File {
  if (result.capsule !== null) return report.file(result.capsule.file);
  const { message, hint } = result.error ?? {
    message: 'its stage did not run',
    hint: 'see what the stage itself says',
  };
  throw new PipelineError('BUILD_FAILED', `there is no capsule: ${message}`, hint);
}
