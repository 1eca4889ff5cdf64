// One session: what a client made so far, and everything that the making needs. Ends without leaving a process or a mount.
import { createHmac, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import type { Credentials } from '../src/oci/registry.ts';
import { EngineError } from './errors.ts';
import type { Limits } from './run/cgroups.ts';
import { ChrootRunner } from './run/chroot-runner.ts';
import { HostNetwork } from './run/host-network.ts';
import { REFUSAL, type Refusal } from './run/isolation.ts';
import { unlimited } from './run/limits.ts';
import { Mounts, type Views } from './run/mounts.ts';
import { Network, type Networks } from './run/network.ts';
import { Runner, type Steps } from './run/runner.ts';
import { Scrubber } from './run/scrubber.ts';
import { Services } from './run/services.ts';
import type { TimeLimit } from './run/time-limit.ts';
import { Trees } from './run/trees.ts';
import { unwritableError } from './store/disk.ts';
import { HostFiles } from './store/host.ts';
import { Layers } from './store/layers.ts';
import { Store, storeFolder } from './store/store.ts';
import { Volumes } from './store/volumes.ts';
import type { Value } from './values.ts';

export interface SessionOptions {
  readonly workdir: string;
  readonly offline: boolean;
  /** Whether an image that no registry can give may be assembled from packages. */
  readonly substitutes: boolean;
  /** How long the ports of a service may take to accept connections. */
  readonly serviceReadyMs: number;
  /** Folder of OCI archives that takes the place of every registry. */
  readonly images?: string;
  readonly mirrors: Readonly<Record<string, readonly string[]>>;
  /** How much a step may use, as far as this machine can hold it to that. */
  readonly limits: Limits;
  readonly timeLimit: TimeLimit;
  /** How large the store may be; by default its disk decides. */
  readonly budget?: string | undefined;
  /** The terminal of the person who started the engine, for `Container.terminal`. */
  readonly terminal?: string;
  readonly credentials: (registry: string) => Credentials | undefined;
}

/** What a session tells of its steps and of what else it does, one JSON object a line on standard error. */
export type Progress =
  | ({ readonly kind: 'activity' } & Doing)
  | { readonly kind: 'activity-ended'; readonly id: string }
  | { readonly kind: 'step-output'; readonly step: string; readonly line: string }
  | { readonly kind: 'started' | 'cached'; readonly key: string; readonly args: readonly string[] }
  | { readonly kind: 'ended'; readonly key: string; readonly args: readonly string[]; readonly exitCode: number }
  | { readonly kind: 'substitute'; readonly reference: string; readonly standIn: string };

/** Work besides steps, and how far it is. */
export interface Doing {
  readonly id: string;
  readonly name: 'upload' | 'image' | 'packages';
  readonly what: string;
  readonly count?: number;
  readonly counts?: number;
  readonly bytes?: number;
  readonly totalBytes?: number;
}

/** How often it is told how far something is. */
const TOLD_MS = 200;

/** Ids of containers are this much higher on the host when the engine is root; without root the kernel maps them. */
const ROOT_SHIFT = 1_879_048_192;

/** Where programs look for certificates on Debian, as in an image. */
export const CA_BUNDLE = '/etc/ssl/certs/ca-certificates.crt';
/** The same on Debian and Alpine, Fedora, and openSUSE. */
const HOST_BUNDLES = [CA_BUNDLE, '/etc/pki/tls/certs/ca-bundle.crt', '/etc/ssl/ca-bundle.pem'];
const PROXY_VARIABLES = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'ALL_PROXY'].flatMap((name) => [
  name,
  name.toLowerCase(),
]);

/** Whether the engine has root's rights on the machine, not just in a user namespace of its own. */
export const isRoot = (): boolean => process.getuid?.() === 0 && !process.env.DRYDOCK_ROOTLESS;

const whyUnlimited = (): string =>
  isRoot() ? 'the kernel offers no control group for it' : 'without root that needs a delegated control group';

/** A secret of fewer bytes is scrubbed from what those say that have it; elsewhere it would be found in words that are none. */
const SCRUBBED_EVERYWHERE = 8;

export class Session {
  readonly options: SessionOptions;
  readonly store: Store;
  readonly views: Views;
  readonly layers: Layers;
  readonly host: HostFiles;
  readonly volumes: Volumes;
  readonly runner: Steps;
  readonly idShift: number;
  readonly network: Networks;
  readonly services = new Services();
  /** How a blob that came with an image can be had once more. */
  readonly blobSources = new Map<string, () => Promise<unknown>>();
  readonly #values = new Map<string, Value>();
  readonly #said = new Set<string>();
  readonly #running = new Map<string, Promise<unknown>>();
  readonly #remembered = new Map<string, Promise<unknown>>();
  readonly #secrets = new Map<string, Buffer>();
  readonly #salt = randomBytes(32);
  readonly #abort = new AbortController();

  private constructor(options: SessionOptions, store: Store, { views, runner, network, shift }: Machinery) {
    this.options = options;
    this.store = store;
    this.views = views;
    this.runner = runner;
    this.network = network;
    this.idShift = shift;
    this.layers = new Layers(store, views, shift);
    this.host = new HostFiles(store, shift);
    this.volumes = new Volumes(store, this.layers);
    for (const [, proxy] of this.proxies()) for (const secret of passwordsIn(proxy)) this.addSecret(secret);
  }

  static async start(options: SessionOptions): Promise<Session> {
    const free = unlimited(options.limits);
    if (free.length > 0)
      process.stderr.write(`note: ${free.join(' and ')} of a step cannot be limited here: ${whyUnlimited()}\n`);
    const isolation = REFUSAL === undefined ? await isolated(options) : undefined;
    const store = openStore(options.budget);
    return new Session(options, store, isolation ?? shared(store, REFUSAL as Refusal));
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.services.close();
    await this.runner.close();
    await this.store.close();
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get terminal(): string | undefined {
    return this.options.terminal;
  }

  /** A path of the host as its user writes it: from the working directory, or from home. */
  hostPath(path: string): string {
    return resolve(this.options.workdir, path.replace(/^~(?=\/|$)/, homedir()));
  }

  readonly log = (line: string): void => {
    process.stderr.write(`${line}\n`);
  };

  /** The words of a command, for people to read. */
  shown(args: readonly string[]): string[] {
    const scrubber = new Scrubber(this.secretValues());
    return args.map((word) => scrubber.scrub(word));
  }

  /** An export that is not quite what was asked for is no secret. */
  sayLostBits(count: number, path: string): void {
    if (count > 0)
      this.log(
        `warning: ${count === 1 ? 'a file or folder' : `${count} files and folders`} exported to ${path} lost set-user-id and set-group-id bits, which only archives keep`,
      );
  }

  sayOnce(line: string): void {
    if (this.#said.has(line)) return;
    this.#said.add(line);
    this.log(line);
  }

  progress(event: Progress): void {
    if (process.env.DRYDOCK_EVENTS !== 'json') return;
    const shown = 'args' in event ? { ...event, args: this.shown(event.args) } : event;
    process.stderr.write(`${JSON.stringify(shown)}\n`);
  }

  /** Tells of some work while it goes on. The work says how far it is as often as it likes. */
  async during<T>(doing: Doing, work: (went: (far: Partial<Doing>) => void) => Promise<T>): Promise<T> {
    let toldMs = 0;
    const tell = (far: Partial<Doing>) => {
      if (performance.now() - toldMs < TOLD_MS) return;
      toldMs = performance.now();
      this.progress({ kind: 'activity', ...doing, ...far });
    };
    this.progress({ kind: 'activity', ...doing });
    try {
      return await work(tell);
    } finally {
      this.progress({ kind: 'activity-ended', id: doing.id });
    }
  }

  /** The same work under one name runs once, however many ask for it at the same time. */
  once<T>(name: string, work: () => Promise<T>): Promise<T> {
    const running = this.#running.get(name) as Promise<T> | undefined;
    if (running !== undefined) return running;
    const started = work().finally(() => this.#running.delete(name));
    this.#running.set(name, started);
    return started;
  }

  /** What is the same for as long as the session lasts is worked out when it is first asked for. */
  remembered<T>(name: string, work: () => Promise<T>): Promise<T> {
    const known = this.#remembered.get(name) as Promise<T> | undefined;
    if (known !== undefined) return known;
    const made = work();
    this.#remembered.set(name, made);
    made.catch(() => this.#remembered.delete(name));
    return made;
  }

  /** The object of an id, made by an earlier request. */
  load<T extends Value>(id: string, type: abstract new (...args: never[]) => T): T {
    const value = this.#values.get(id);
    if (value instanceof type) return value;
    throw new EngineError(
      value === undefined
        ? `no object has the id ${id}`
        : `the object ${id} is not a ${type.name.replace('Value', '')}`,
    );
  }

  node(id: string): Value | undefined {
    return this.#values.get(id);
  }

  /** The object that was made by this recipe before. */
  known(recipe: string): Value | undefined {
    return this.#values.get(this.privately(recipe));
  }

  /** Gives an object the id that its recipe means, so that it is found again by either. */
  intern<T>(recipe: string, value: T): T {
    const object = value as Value;
    if (object.id === '') object.id = this.privately(recipe);
    this.#values.set(this.privately(recipe), object);
    return value;
  }

  /** Stands for a text for as long as the session lasts, and tells nobody what it is. */
  privately(text: string | Buffer): string {
    return createHmac('sha256', this.#salt).update(text).digest('hex');
  }

  /** Remembers a secret's value, so that it is taken out of what anybody says. */
  addSecret(value: Buffer): void {
    this.#secrets.set(value.toString('latin1'), value);
  }

  /** Those that no step is to say, whether it has them or not. */
  secretValues(): Buffer[] {
    return [...this.#secrets.values()].filter(({ length }) => length >= SCRUBBED_EVERYWHERE);
  }

  /** Variables of the host that say how a network is reached. */
  proxies(): [string, string][] {
    if (this.options.offline) return [];
    return PROXY_VARIABLES.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : []));
  }

  /** Where a program that brings certificates of its own finds those of the host. */
  certificateVariables(): [string, string][] {
    return this.hostCertificates() === undefined ? [] : [['NODE_EXTRA_CA_CERTS', CA_BUNDLE]];
  }

  /** The host's bundle of certificates, when it holds any that a public image can't know. */
  hostCertificates(): Buffer | undefined {
    this.#certificates ??= { bundle: readHostCertificates() };
    return this.#certificates.bundle;
  }
  #certificates: { bundle: Buffer | undefined } | undefined;
}

/** As it stands in an address, and as it is meant; what cannot be read as an address has none. */
function passwordsIn(address: string): Buffer[] {
  if (!URL.canParse(address)) return [];
  const { password } = new URL(address);
  return password === '' ? [] : [Buffer.from(password), Buffer.from(decodeURIComponent(password))];
}

function openStore(budget: string | undefined): Store {
  const root = storeFolder();
  try {
    return new Store(root, { budget });
  } catch (error) {
    throw unwritableError(error, `the store at ${root} cannot be used`) ?? error;
  }
}

/** How steps run, and on what. */
interface Machinery {
  readonly views: Views;
  readonly runner: Steps;
  readonly network: Networks;
  readonly shift: number;
}

async function isolated(options: SessionOptions): Promise<Machinery> {
  const shift = isRoot() ? ROOT_SHIFT : 0;
  const views = await Mounts.start(process.env.DRYDOCK_TOOLS);
  const runner = await Runner.start(views, shift, options.limits);
  return { views, runner, network: new Network(options, runner.enter), shift };
}

/** Where the kernel lets the engine make no namespaces. */
function shared(store: Store, refusal: Refusal): Machinery {
  process.stderr.write(
    `warning: steps are not isolated from each other, nor from this machine's network, so nothing is deployed or published from here: ${refusal.reason}\n`,
  );
  const views = new Trees(store.scratchFolder('trees'));
  const runner = new ChrootRunner(views, process.env.DRYDOCK_TOOLS, store.scratchFolder('runtime'));
  return { views, runner, network: new HostNetwork(refusal), shift: 0 };
}

function readHostCertificates(): Buffer | undefined {
  const named = process.env.NODE_EXTRA_CA_CERTS || process.env.SSL_CERT_FILE;
  const bundle = [named, ...HOST_BUNDLES].find((path) => path !== undefined && existsSync(path));
  return bundle === undefined ? undefined : readFileSync(bundle);
}
