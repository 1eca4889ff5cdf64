// The image registry that is delivered to, as steps see it: src/oci/deliver.ts in a container, with the token as a secret.
import type { Container, Directory, File, Secret, Service } from '@dagger.io/dagger';
import { nameOf, type Target } from '../core/delivery/target.ts';
import type { StageName } from '../core/model.ts';
import type { RunContext } from './context.ts';
import { nodeContainer } from './install.ts';
import { type Ran, runStep, stepFolder } from './step.ts';

export type RegistryOptions = {
  target: Target;
  username: string;
  /** Empty, or none, for nobody. */
  token: Secret | undefined;
  /** The registry itself, where only the caller can reach it; or one that was started for the purpose. */
  service: Service | undefined;
};

/** One thing that is done at the registry; see src/oci/deliver.ts. */
export type Doing = {
  stage: StageName;
  step: string;
  command: 'push' | 'resolve' | 'tags' | 'tag' | 'fetch' | 'attach' | 'referrers';
  /** Option and value in turn. */
  args: readonly string[];
  /** Mounted where the arguments say. */
  files?: ReadonlyMap<string, File | Directory>;
};

const PROGRAMS = '/programs/oci';
/** Under this name a registry that is a service is known in steps. */
const HOST = 'drydock-registry';
const PORT = 5000;
const TOKEN_VARIABLE = 'REGISTRY_TOKEN';

export class Registry {
  readonly target: Target;
  readonly #context: RunContext;
  readonly #options: RegistryOptions;

  constructor(context: RunContext, options: RegistryOptions) {
    this.#context = context;
    this.#options = options;
    this.target = options.target;
  }

  /** A step that is done on every run: what it asks may have changed, and what it does has an effect. */
  async do({ stage, step, command, args, files }: Doing): Promise<Ran> {
    const repository = nameOf(this.target);
    // A registry that is a service has another name in steps; its port stays.
    const [, port = '80'] = /:(\d+)$/.exec(this.target.registry) ?? [];
    const alias = this.#options.service === undefined ? null : `${HOST}:${port}`;
    const place = alias === null ? repository : `${alias}/${this.target.repository}`;
    const plain = alias === null ? [] : ['--plain-http', alias];
    let container = await this.#container();
    for (const [path, content] of files ?? [])
      container =
        'entries' in content ? container.withMountedDirectory(path, content) : container.withMountedFile(path, content);
    return await runStep(this.#context, {
      stage,
      step,
      container,
      always: true,
      hidden: await this.#hidden(),
      secretVariables: [TOKEN_VARIABLE],
      args: ['node', `${PROGRAMS}/deliver.ts`, command, '--repository', place, ...plain, ...this.#as(), ...args],
      shown: `node oci/deliver.ts ${command} --repository ${repository} ${args.join(' ')}`.trim(),
    });
  }

  async #hidden(): Promise<string[]> {
    const token = await plaintextOf(this.#options.token);
    return token === '' ? [] : [token, `${this.#options.username || 'drydock'}:${token}`];
  }

  #as(): string[] {
    return this.#options.username === '' ? [] : ['--username', this.#options.username];
  }

  async #container(): Promise<Container> {
    const { token, service } = this.#options;
    let container = nodeContainer(this.#context).withMountedDirectory(
      PROGRAMS,
      this.#context.programs.directory('oci'),
    );
    if (service !== undefined) container = container.withServiceBinding(HOST, service);
    // Empty is how a wrapper says that nobody gave one.
    if ((await plaintextOf(token)) !== '') container = container.withSecretVariable(TOKEN_VARIABLE, token as Secret);
    return container;
  }
}

/** A registry of this run's own, for `--dry-run`. Started by hand: a binding alone would end it, and all it holds, between two steps. */
export async function startDryRegistry(context: RunContext): Promise<Service> {
  await context.images.obtain('registry');
  return await context.images
    .container('registry')
    .withExposedPort(PORT)
    .asService({ args: ['registry', 'serve', '/etc/distribution/config.yml'] })
    .start();
}

/** What a dry run says of where it pushes. */
export const DRY_REGISTRY = `localhost:${PORT}`;

export async function plaintextOf(secret: Secret | undefined): Promise<string> {
  return secret === undefined ? '' : await secret.plaintext();
}

/** Where a step puts what is read later. */
export const outOf = (step: string, file: string) => `${stepFolder(step)}/${file}`;
