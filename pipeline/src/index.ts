/** drydock: lint, test and build the service, the same on a laptop and in CI. */
import { argument, type Directory, type File, func, type GitRepository, object } from '@dagger.io/dagger';
import { PipelineError } from './core/errors.ts';
import { IMAGE_FILE } from './stages/build.ts';
import { type Outcome, run } from './stages/run.ts';

/** What came of a run: its report and the exit code that it means. A red verdict is a result, not an error. */
@object()
export class Run {
  /** result.json, summary.md, junit.xml, logs/, exit-code and, where one was built, image.tar. */
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
      await run(['lint'], { function: 'lint', source, repo, images, platforms: ['linux/amd64'], mirrors, strict }),
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
      await run(['test'], { function: 'test', source, repo, images, platforms: ['linux/amd64'], mirrors, strict }),
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
    return toImage(await run(['build'], { function: 'build', source, repo, images, platforms, mirrors, strict }));
  }

  /** Lint, test and build, side by side. */
  @func({ cache: 'never' })
  async ci(
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
  ): Promise<Run> {
    return toRun(
      await run(['lint', 'test', 'build'], { function: 'ci', source, repo, images, platforms, mirrors, strict }),
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
