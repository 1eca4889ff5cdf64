// One Compose project: its services as `docker compose` starts and stops them, and its containers as `docker inspect` sees them.
import type { Docker, Environment, Said } from './docker.ts';
import { faultOf, refusalOf } from './refusals.ts';

/** What `docker inspect` says of a container, as far as it is read here. */
export type Inspected = {
  Id: string;
  /** Of the image. */
  Image: string;
  /** The program that it runs. */
  Path: string;
  RestartCount: number;
  Config: { Labels: Record<string, string>; StopTimeout?: number };
  State: {
    Status: string;
    ExitCode: number;
    Pid: number;
    StartedAt: string;
    Health?: { Status: string; Log: { End: string; ExitCode: number; Output: string }[] | null };
  };
  HostConfig: {
    ReadonlyRootfs: boolean;
    CapDrop: string[] | null;
    SecurityOpt: string[] | null;
    RestartPolicy: { Name: string };
    LogConfig: { Type: string; Config: Record<string, string> };
    NanoCpus: number;
    Memory: number;
    PidsLimit: number | null;
    Tmpfs?: Record<string, string> | null;
  };
  NetworkSettings: {
    Ports: Record<string, { HostIp: string; HostPort: string }[] | null>;
    Networks: Record<string, { IPAddress: string }>;
  };
};

/** A service as `docker compose config` resolves it. */
export type ConfiguredService = {
  image: string;
  depends_on?: Record<string, unknown>;
  read_only?: boolean;
  cap_drop?: string[];
  security_opt?: string[];
  restart?: string;
  stop_grace_period?: string;
  tmpfs?: string[];
  logging?: { driver: string; options?: Record<string, string> };
  deploy?: { resources?: { limits?: { cpus?: number | string; memory?: string; pids?: number } } };
  healthcheck?: { interval?: string; timeout?: string; retries?: number; start_period?: string };
  ports?: { target: number; host_ip?: string }[];
};

export type ProjectOptions = {
  name: string;
  /** The folder of docker-compose.yml. */
  folder: string;
  /** Files that say something else, each more than those before it. */
  overrides?: readonly string[];
  env: Environment;
  /** Instead of `.env`, which belongs to whoever runs the platform. */
  envFile?: string;
};

export class Project {
  readonly docker: Docker;
  readonly #options: ProjectOptions;

  constructor(docker: Docker, options: ProjectOptions) {
    this.docker = docker;
    this.#options = options;
  }

  with(more: Partial<ProjectOptions>): Project {
    return new Project(this.docker, { ...this.#options, ...more });
  }

  /** The project as before, for what has to be done though everything was told to stop. */
  unstoppable(): Project {
    return new Project(this.docker.unstoppable(), this.#options);
  }

  endedBy(signal: AbortSignal): Project {
    return new Project(this.docker.endedBy(signal), this.#options);
  }

  async compose(...args: string[]): Promise<Said> {
    const { name, folder, overrides = [], env, envFile } = this.#options;
    const files = ['docker-compose.yml', ...overrides].flatMap((file) => [
      '--file',
      file.startsWith('/') ? file : `${folder}/${file}`,
    ]);
    const from = envFile === undefined ? [] : ['--env-file', envFile];
    const where = ['--ansi', 'never', '--project-name', name, '--project-directory', folder];
    return await this.docker.compose([...where, ...from, ...files, ...args], env);
  }

  /** Throws `BAD_COMPOSE`. */
  async config(): Promise<Map<string, ConfiguredService>> {
    const said = await this.compose('config', '--format', 'json');
    if (said.exitCode !== 0) throw faultOf(said);
    const { services } = JSON.parse(said.stdout) as { services: Record<string, ConfiguredService> };
    return new Map(Object.entries(services));
  }

  /** Start services and what they depend on. Throws what Docker Compose says, unless a service is not healthy: that is seen later. */
  async up(services: readonly string[]): Promise<void> {
    const said = await this.compose('up', '--detach', '--no-build', '--pull', 'never', ...services);
    if (said.exitCode !== 0 && !/is unhealthy|exited \(\d+\)/.test(said.stderr)) throw refusalOf(said);
  }

  /** Stop and remove all. What an engine was still about to make, when we were told to stop, may come late. */
  async down(...more: string[]): Promise<void> {
    for (let tries = 0; tries < 3; tries += 1) {
      await this.compose('--profile', '*', 'down', '--remove-orphans', ...more);
      if ((await this.containers()).size === 0) return;
    }
  }

  /** Containers by their services, also those that have ended. */
  async containers(): Promise<Map<string, Inspected>> {
    const label = `label=com.docker.compose.project=${this.#options.name}`;
    const listed = await this.docker.run(['ps', '--all', '--quiet', '--no-trunc', '--filter', label]);
    const ids = listed.stdout.split('\n').filter((id) => id !== '');
    if (ids.length === 0) return new Map();
    const said = await this.docker.run(['inspect', ...ids]);
    const all = JSON.parse(said.stdout || '[]') as Inspected[];
    return new Map(all.map((one) => [one.Config.Labels['com.docker.compose.service'] ?? one.Id, one]));
  }

  /** Networks or volumes of the project, by their names. */
  async have(kind: 'network' | 'volume'): Promise<string[]> {
    const label = `label=com.docker.compose.project=${this.#options.name}`;
    const { stdout } = await this.docker.run([kind, 'ls', '--filter', label, '--format', '{{.Name}}']);
    return lines(stdout);
  }

  /** Containers that are not ours, and keep a network from being removed. */
  async attachedTo(network: string): Promise<string[]> {
    const format = '{{range .Containers}}{{println .Name}}{{end}}';
    return lines((await this.docker.run(['network', 'inspect', '--format', format, network])).stdout);
  }

  async logs({ Id }: Inspected, ...more: string[]): Promise<string> {
    const { stdout, stderr } = await this.docker.run(['logs', ...more, Id]);
    return `${stdout}${stderr}`;
  }
}

const lines = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .sort();
