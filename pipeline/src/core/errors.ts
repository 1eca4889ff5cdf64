// The one error for people: a code, a sentence, a hint. Every code is in this table, with the exit code it ends in.

/** 0 all asked for held; 1 a stage failed; 2 usage error, policy or configuration; 3 the environment cannot run it; 130 interrupted. */
export const EXIT = { ok: 0, failed: 1, usage: 2, environment: 3, interrupted: 130 } as const;

export const ERRORS = {
  UNKNOWN_FUNCTION: { exit: EXIT.usage, meaning: 'a function that does not exist was asked for' },
  UNKNOWN_OPTION: { exit: EXIT.usage, meaning: 'an option that does not exist was given' },
  BAD_OPTION: { exit: EXIT.usage, meaning: 'an option has a value that it cannot have' },
  OUTPUT_IN_USE: { exit: EXIT.usage, meaning: 'another run is writing to the output folder' },
  NOT_A_REPOSITORY: { exit: EXIT.usage, meaning: 'the project is not in a git repository' },
  BAD_MANIFEST: { exit: EXIT.usage, meaning: 'a package.json or lock file is missing or cannot be read' },
  LOCK_MISMATCH: { exit: EXIT.usage, meaning: 'a lock file does not belong to its package.json' },
  BAD_SUBJECT: {
    exit: EXIT.usage,
    meaning: 'drydock.yaml is invalid, or there is no service',
  },
  BAD_SERVICE: { exit: EXIT.usage, meaning: 'the service does not keep to the contract that the pipeline has with it' },
  BAD_IMAGES: { exit: EXIT.usage, meaning: 'an archive in the --images folder is not what its pin says' },
  BAD_POLICY: {
    exit: EXIT.usage,
    meaning: 'policy/gate.yaml or policy/budgets.yaml is invalid',
  },
  BAD_VEX: { exit: EXIT.usage, meaning: 'a document in policy/vex/ is not OpenVEX of a known version' },
  BAD_VERDICT: { exit: EXIT.usage, meaning: 'a recorded verdict is not one, or was altered' },
  BAD_ARCHIVE: { exit: EXIT.usage, meaning: 'the archive that was given as an image is not one' },
  BAD_RELEASE: {
    exit: EXIT.usage,
    meaning: 'the folder of a run that is to be shipped is not one, or there is no release to go back to',
  },
  BAD_RECORD: {
    exit: EXIT.failed,
    meaning: 'the release record that a registry has of an image is not of its release',
  },
  BAD_CAPSULE: {
    exit: EXIT.usage,
    meaning: 'a capsule is not one, was altered or cut, or is of another format version',
  },
  BAD_COMPOSE: { exit: EXIT.usage, meaning: 'docker-compose.yml says something that cannot be carried out' },
  BAD_MONITORING: { exit: EXIT.usage, meaning: 'a file below monitoring/ is invalid' },
  MISSING_IMAGE: { exit: EXIT.environment, meaning: 'an image is available neither here nor from a registry' },
  RATE_LIMITED: { exit: EXIT.environment, meaning: 'a registry refuses to serve more for now' },
  UNAUTHORIZED: { exit: EXIT.environment, meaning: 'a registry wants other credentials' },
  OFFLINE: { exit: EXIT.environment, meaning: 'something is not in the cache and the network may not be used' },
  NO_DOCKER: { exit: EXIT.environment, meaning: 'Docker or its Compose plugin is missing, or does not answer' },
  PORT_IN_USE: { exit: EXIT.environment, meaning: 'a port that the platform publishes belongs to another program' },
  NO_ENGINE: { exit: EXIT.environment, meaning: 'nothing here can run containers' },
  ENGINE_FAILED: { exit: EXIT.environment, meaning: 'the engine could not do what it was asked' },
  CACHE_DAMAGED: {
    exit: EXIT.environment,
    meaning: 'something in the cache is not what was put there; it is thrown away',
  },
  NO_SPACE: { exit: EXIT.environment, meaning: 'the disk is full' },
  NO_PERMISSION: { exit: EXIT.environment, meaning: 'a file or folder may not be read or written' },
  STEP_TIMED_OUT: { exit: EXIT.failed, meaning: 'a step ran for longer than it may, and was ended' },
  DEPLOY_FAILED: { exit: EXIT.failed, meaning: 'the platform was started, and did not become healthy' },
  BUILD_FAILED: { exit: EXIT.failed, meaning: 'a file was asked for that a failed stage should have made' },
  INTERRUPTED: { exit: EXIT.interrupted, meaning: 'Ctrl-C was pressed, or the process was asked to end' },
} as const satisfies Record<string, { exit: number; meaning: string }>;

export type ErrorCode = keyof typeof ERRORS;

/** A fault that a person can act on. Whatever else is thrown is our bug, and keeps its stack. */
export class PipelineError extends Error {
  readonly code: ErrorCode;
  readonly hint: string;

  constructor(code: ErrorCode, message: string, hint: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'PipelineError';
    this.code = code;
    this.hint = hint;
  }

  get exitCode(): number {
    return ERRORS[this.code].exit;
  }
}

/** The text of whatever was thrown, for use inside another sentence. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The refusal that something ends with; undefined where it ends well. What is none, a bug, is thrown on. */
export function refusalOf(work: () => unknown): PipelineError | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof PipelineError) return error;
    throw error;
  }
}
