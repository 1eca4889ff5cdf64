/** drydock: lint, test, build, describe, scan, gate and deploy the service, the same on a laptop and in CI. */
import {
  argument,
  type Directory,
  type File,
  func,
  type GitRepository,
  object,
  type Secret,
  type Service,
} from '@dagger.io/dagger';
import { PipelineError } from './core/errors.ts';
import { CAPSULE_STAGES, type CapsuleStage, isCapsuleStage, stagesInCapsule, stagesOf } from './core/functions.ts';
import { DEFAULT_PLATFORM } from './core/platforms.ts';
import { IMAGE_FILE } from './stages/build.ts';
import { explainRecords } from './stages/gate.ts';
import { NO_SCANNING, type Outcome, run as runStages } from './stages/run.ts';
import { NO_SIGNING } from './stages/sign.ts';

/** What came of a run: its report and the exit code that it means. A red verdict is a result, not an error. */
@object()
export class Run {
  /** result.json, summary.md, junit.xml, logs/, exit-code and whatever the stages made: image.tar, SBOMs, scan, verdict. */
  @func()
  report: Directory;

  /** 0 all asked for held; 1 a stage failed; 2 wrong use or configuration; 3 the environment could not run it. */
  @func()
  exitCode: number;

  constructor(report: Directory, exitCode: number) {
    this.report = report;
    this.exitCode = exitCode;
  }
}

/** The pipeline. Every function takes the repository, and says where images come from if not from their registries. */
@object()
export class Ci {
  /** Check format, lint rules and the types of every package. */
  @func()
  async lint(
    @argument({
      defaultPath: '/',
      ignore: ['.git', '.env*', '**/.env*', '**/node_modules', 'out', '**/dist', '**/coverage', 'pipeline/sdk'],
    })
    source: Directory,
    @argument({ defaultPath: '.' }) repo: GitRepository,
    images?: Directory,
    mirrors: string[] = [],
    strict = false,
  ): Promise<Run> {
    return toRun(
      await runStages(stagesOf('lint'), {
        function: 'lint',
        source,
        repo,
        images,
        platforms: [DEFAULT_PLATFORM],
        mirrors,
        strict,
      }),
    );
  }

  /** Run the tests of the service and of the pipeline, with the Node that ships. */
  @func()
  async test(
    @argument({
      defaultPath: '/',
      ignore: ['.git', '.env*', '**/.env*', '**/node_modules', 'out', '**/dist', '**/coverage', 'pipeline/sdk'],
    })
    source: Directory,
    @argument({ defaultPath: '.' }) repo: GitRepository,
    images?: Directory,
    mirrors: string[] = [],
    strict = false,
  ): Promise<Run> {
    return toRun(
      await runStages(stagesOf('test'), {
        function: 'test',
        source,
        repo,
        images,
        platforms: [DEFAULT_PLATFORM],
        mirrors,
        strict,
      }),
    );
  }

  /** Build the service's image, as an OCI archive. */
  @func()
  async build(
    @argument({
      defaultPath: '/',
      ignore: ['.git', '.env*', '**/.env*', '**/node_modules', 'out', '**/dist', '**/coverage', 'pipeline/sdk'],
    })
    source: Directory,
    @argument({ defaultPath: '.' }) repo: GitRepository,
    images?: Directory,
    platforms: string[] = ['linux/amd64'],
    mirrors: string[] = [],
    strict = false,
  ): Promise<File> {
    return toImage(
      await runStages(stagesOf('build'), { function: 'build', source, repo, images, platforms, mirrors, strict }),
    );
  }

  /** Describe the image and the source: what they are made of, as SPDX and CycloneDX. */
  @func()
  async sbom(
    @argument({
      defaultPath: '/',
      ignore: ['.git', '.env*', '**/.env*', '**/node_modules', 'out', '**/dist', '**/coverage', 'pipeline/sdk'],
    })
    source: Directory,
    @argument({ defaultPath: '.' }) repo: GitRepository,
    images?: Directory,
    image?: File,
    platforms: string[] = ['linux/amd64'],
    mirrors: string[] = [],
    strict = false,
  ): Promise<Run> {
    const scanning = { ...NO_SCANNING, image };
    const stages = stagesOf('sbom', { image: image !== undefined });
    return toRun(
      await runStages(stages, { function: 'sbom', source, repo, images, platforms, mirrors, strict, scanning }),
    );
  }

  /** Look for vulnerabilities, secrets and misconfigurations in the image and the source. */
  @func({ cache: 'never' })
  async scan(
    @argument({
      defaultPath: '/',
      ignore: ['.git', '.env*', '**/.env*', '**/node_modules', 'out', '**/dist', '**/coverage', 'pipeline/sdk'],
    })
    source: Directory,
    @argument({ defaultPath: '.' }) repo: GitRepository,
    images?: Directory,
    image?: File,
    vulnDb?: Directory,
    vulnDbRef = '',
    vulnDbService?: Service,
    base = '',
    platforms: string[] = ['linux/amd64'],
    mirrors: string[] = [],
    strict = false,
  ): Promise<Run> {
    const database = { folder: vulnDb, reference: vulnDbRef, service: vulnDbService, mirrors };
    const scanning = { ...NO_SCANNING, image, database, base };
    const stages = stagesOf('scan', { image: image !== undefined });
    return toRun(
      await runStages(stages, { function: 'scan', source, repo, images, platforms, mirrors, strict, scanning }),
    );
  }

  /** Decide, by policy and today's date, whether what was found may ship; or decide a recorded verdict again. */
  @func({ cache: 'never' })
  async gate(
    @argument({
      defaultPath: '/',
      ignore: ['.git', '.env*', '**/.env*', '**/node_modules', 'out', '**/dist', '**/coverage', 'pipeline/sdk'],
    })
    source: Directory,
    @argument({ defaultPath: '.' }) repo: GitRepository,
    images?: Directory,
    image?: File,
    vulnDb?: Directory,
    vulnDbRef = '',
    vulnDbService?: Service,
    base = '',
    baseline?: File,
    replay?: File,
    rehearsal = false,
    platforms: string[] = ['linux/amd64'],
    mirrors: string[] = [],
    strict = false,
  ): Promise<Run> {
    const database = { folder: vulnDb, reference: vulnDbRef, service: vulnDbService, mirrors };
    const scanning = { image, database, base, baseline, replay, rehearsal };
    const stages = stagesOf('gate', { image: image !== undefined, replay: replay !== undefined });
    return toRun(
      await runStages(stages, { function: 'gate', source, repo, images, platforms, mirrors, strict, scanning }),
    );
  }

  /** Deploy docker-compose.yml with the image, in services of the session, and prove that it works, alarm included. */
  @func({ cache: 'never' })
  async smoke(
    @argument({
      defaultPath: '/',
      ignore: ['.git', '.env*', '**/.env*', '**/node_modules', 'out', '**/dist', '**/coverage', 'pipeline/sdk'],
    })
    source: Directory,
    @argument({ defaultPath: '.' }) repo: GitRepository,
    images?: Directory,
    image?: File,
    platforms: string[] = ['linux/amd64'],
    mirrors: string[] = [],
    strict = false,
  ): Promise<Run> {
    const scanning = { ...NO_SCANNING, image };
    const stages = stagesOf('smoke', { image: image !== undefined });
    return toRun(
      await runStages(stages, { function: 'smoke', source, repo, images, platforms, mirrors, strict, scanning }),
    );
  }

  /** Push what passed to a registry, by its digest; no tag is moved. */
  @func({ cache: 'never' })
  async publish(
    @argument({
      defaultPath: '/',
      ignore: ['.git', '.env*', '**/.env*', '**/node_modules', 'out', '**/dist', '**/coverage', 'pipeline/sdk'],
    })
    source: Directory,
    @argument({ defaultPath: '.' }) repo: GitRepository,
    images?: Directory,
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
    mirrors: string[] = [],
    strict = false,
  ): Promise<Run> {
    const database = { folder: vulnDb, reference: vulnDbRef, service: vulnDbService, mirrors };
    const scanning = { ...NO_SCANNING, database, base, baseline, rehearsal };
    const target = { registry, repository, service: registryService, username, token };
    const delivery = { ...target, ref, signing: NO_SIGNING, dryRun, skipRollback: true, run };
    const options = { function: 'publish', source, repo, images, platforms, mirrors, strict, scanning, delivery };
    return toRun(await runStages(stagesOf('publish', { run: run !== undefined }), options));
  }

  /** Deliver: push, sign, deploy to prove that it works, then move the tags. */
  @func({ cache: 'never' })
  async cd(
    @argument({
      defaultPath: '/',
      ignore: ['.git', '.env*', '**/.env*', '**/node_modules', 'out', '**/dist', '**/coverage', 'pipeline/sdk'],
    })
    source: Directory,
    @argument({ defaultPath: '.' }) repo: GitRepository,
    images?: Directory,
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
    skipRollback = false,
    vulnDb?: Directory,
    vulnDbRef = '',
    vulnDbService?: Service,
    base = '',
    baseline?: File,
    rehearsal = false,
    platforms: string[] = ['linux/amd64'],
    mirrors: string[] = [],
    strict = false,
  ): Promise<Run> {
    const database = { folder: vulnDb, reference: vulnDbRef, service: vulnDbService, mirrors };
    const scanning = { ...NO_SCANNING, database, base, baseline, rehearsal };
    const target = { registry, repository, service: registryService, username, token };
    const signing = { key: cosignKey, password: cosignPassword, oidcUrl, oidcToken };
    const delivery = { ...target, ref, signing, dryRun, skipRollback, run };
    const options = { function: 'cd', source, repo, images, platforms, mirrors, strict, scanning, delivery };
    return toRun(await runStages(stagesOf('cd', { run: run !== undefined }), options));
  }

  /** Check that an image is whole, who signed it, and that what is stated of it is about this very image. */
  @func({ cache: 'never' })
  async verify(
    @argument({
      defaultPath: '/',
      ignore: ['.git', '.env*', '**/.env*', '**/node_modules', 'out', '**/dist', '**/coverage', 'pipeline/sdk'],
    })
    source: Directory,
    @argument({ defaultPath: '.' }) repo: GitRepository,
    images?: Directory,
    reference = '',
    files?: Directory,
    registryService?: Service,
    username = '',
    token?: Secret,
    cosignPub?: File,
    identity = '',
    issuer = '',
    mirrors: string[] = [],
    strict = false,
  ): Promise<Run> {
    const access = { service: registryService, username, token };
    const verification = { ...access, reference, files, key: cosignPub, identity, issuer };
    const platforms = [DEFAULT_PLATFORM];
    const options = { function: 'verify', source, repo, images, platforms, mirrors, strict, verification };
    return toRun(await runStages(stagesOf('verify'), options));
  }

  /** Deploy the release before, prove that it works, and put the tag back. */
  @func({ cache: 'never' })
  async rollback(
    @argument({
      defaultPath: '/',
      ignore: ['.git', '.env*', '**/.env*', '**/node_modules', 'out', '**/dist', '**/coverage', 'pipeline/sdk'],
    })
    source: Directory,
    @argument({ defaultPath: '.' }) repo: GitRepository,
    images?: Directory,
    registry = 'ghcr.io',
    repository = '',
    registryService?: Service,
    username = '',
    token?: Secret,
    tag = 'main',
    to = '',
    mirrors: string[] = [],
    strict = false,
  ): Promise<Run> {
    const rollback = { registry, repository, service: registryService, username, token, tag, to };
    const platforms = [DEFAULT_PLATFORM];
    const options = { function: 'rollback', source, repo, images, platforms, mirrors, strict, rollback };
    return toRun(await runStages(stagesOf('rollback'), options));
  }

  /** Say of each finding why it counts or not; with the verdict of an earlier run, what moved it since. */
  @func()
  async explain(verdict: File, before?: File): Promise<string> {
    return await explainRecords(verdict, before);
  }

  /** Lint, test, build, describe, scan and gate, side by side where they can be. */
  @func({ cache: 'never' })
  async ci(
    @argument({
      defaultPath: '/',
      ignore: ['.git', '.env*', '**/.env*', '**/node_modules', 'out', '**/dist', '**/coverage', 'pipeline/sdk'],
    })
    source: Directory,
    @argument({ defaultPath: '.' }) repo: GitRepository,
    images?: Directory,
    compare?: File,
    vulnDb?: Directory,
    vulnDbRef = '',
    vulnDbService?: Service,
    base = '',
    baseline?: File,
    rehearsal = false,
    platforms: string[] = ['linux/amd64'],
    mirrors: string[] = [],
    strict = false,
  ): Promise<Run> {
    const database = { folder: vulnDb, reference: vulnDbRef, service: vulnDbService, mirrors };
    const scanning = { ...NO_SCANNING, database, base, baseline, rehearsal };
    return toRun(
      await runStages(stagesOf('ci'), {
        function: 'ci',
        source,
        repo,
        images,
        platforms,
        mirrors,
        strict,
        compare,
        scanning,
      }),
    );
  }

  /** Write a capsule: one file that runs a stage of now again, anywhere and without a network. A run that fails has one in its report. */
  @func({ cache: 'never' })
  async capsule(
    @argument({
      defaultPath: '/',
      ignore: ['.git', '.env*', '**/.env*', '**/node_modules', 'out', '**/dist', '**/coverage', 'pipeline/sdk'],
    })
    source: Directory,
    @argument({ defaultPath: '.' }) repo: GitRepository,
    stage = 'ci',
    thin = false,
    images?: Directory,
    image?: File,
    vulnDb?: Directory,
    vulnDbRef = '',
    vulnDbService?: Service,
    base = '',
    baseline?: File,
    rehearsal = false,
    platforms: string[] = ['linux/amd64'],
    mirrors: string[] = [],
    strict = false,
  ): Promise<File> {
    const name = toCapsuleStage(stage);
    const database = { folder: vulnDb, reference: vulnDbRef, service: vulnDbService, mirrors };
    return toCapsule(
      await runStages(stagesOf('capsule', { stage: name, image: image !== undefined }), {
        function: 'capsule',
        source,
        repo,
        images,
        platforms,
        mirrors,
        strict,
        scanning: { ...NO_SCANNING, image, database, base, baseline, rehearsal },
        capsule: { stages: stagesInCapsule(name), thin },
      }),
    );
  }
}

function toRun({ report, result }: Outcome): Run {
  return new Run(report, result.exitCode);
}

/** A file can't be red: who asks for the image alone gets it, or the reason why there is none. */
function toImage({ report, result }: Outcome): File {
  if (result.verdict === 'passed') return report.file(IMAGE_FILE);
  const failed = result.stages.find(({ status }) => status === 'failed');
  const step = failed?.steps.find(({ exitCode }) => exitCode !== 0);
  const reason = result.error?.message ?? [failed?.reason, ...(step?.firstErrors ?? [])].join('\n');
  throw new PipelineError('BUILD_FAILED', `there is no image: ${reason}`, result.error?.hint ?? 'mend the build');
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
