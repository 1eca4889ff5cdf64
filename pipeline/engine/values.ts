// The objects that clients hold: immutable, and only recipes until a leaf is asked for.
import type { Credentials } from '../src/oci/registry.ts';
import type { ImageRecord } from './images/record.ts';
import type { Instance, Port } from './run/services.ts';
import type { Stack } from './store/layers.ts';
import type { DirNode, FileNode } from './store/tree.ts';
import type { Sharing } from './store/volumes.ts';

/** Something that is made when first asked for, and once. A failure is not remembered: asking again tries again. */
export type Lazy<T> = () => Promise<T>;

export function lazy<T>(make: () => Promise<T>): Lazy<T> {
  let made: Promise<T> | undefined;
  return () => {
    if (made === undefined) {
      made = make();
      made.catch(() => {
        made = undefined;
      });
    }
    return made;
  };
}

export const ready = <T>(value: T): Lazy<T> => lazy(async () => value);

/** Every object that has an `id`: a hash of how it came about. */
export abstract class Value {
  /** Set once, when the object is handed to a client. */
  id = '';
}

/** A folder's content: a place in a tree in memory, or in a file system that was built. Links may lead out of it, to the rest. */
export type Content = ({ readonly tree: DirNode } | { readonly stack: Stack }) & { readonly path: string };

export const wholeTree = (tree: DirNode): Content => ({ tree, path: '/' });

export class DirectoryValue extends Value {
  readonly content: Lazy<Content>;
  /** Where on the host it was taken from, whole. */
  readonly hostPath: string | undefined;
  /** Where it is in the folder that it was taken from. */
  readonly path: string;

  constructor(content: Lazy<Content>, { hostPath, path = '/' }: { hostPath?: string | undefined; path?: string } = {}) {
    super();
    this.content = content;
    this.hostPath = hostPath;
    this.path = path;
  }
}

export class FileValue extends Value {
  readonly name: string;
  readonly node: Lazy<FileNode>;

  constructor(name: string, node: Lazy<FileNode>) {
    super();
    this.name = name;
    this.node = node;
  }
}

/** A secret has a name or an address. */
export class SecretValue extends Value {
  readonly name: string;
  readonly uri: string;
  readonly plaintext: Lazy<Buffer>;
  /** What stands for it in the key of a step. */
  readonly key: Lazy<string>;

  constructor({ name = '', uri = '', plaintext, key }: Partial<SecretValue> & Pick<SecretValue, 'plaintext' | 'key'>) {
    super();
    this.name = name;
    this.uri = uri;
    this.plaintext = plaintext;
    this.key = key;
  }
}

export class CacheVolumeValue extends Value {
  readonly key: string;
  readonly sharing: Sharing;
  readonly owner: string;
  readonly source: DirectoryValue | undefined;

  /** How it is shared, whose it is and what it begins with, unless a mount says otherwise. */
  constructor(key: string, { sharing = 'SHARED', owner = '', source }: Partial<CacheVolumeValue> = {}) {
    super();
    this.key = key;
    this.sharing = sharing;
    this.owner = owner;
    this.source = source;
  }
}

/** What an image says about how it is to be run, in Docker's words where they are the field's. */
export interface ImageSettings {
  readonly env: ReadonlyMap<string, string>;
  readonly user: string;
  readonly workdir: string;
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly labels: ReadonlyMap<string, string>;
  readonly ports: readonly Port[];
  readonly annotations: ReadonlyMap<string, string>;
  /** Settings that are carried along as they are: Healthcheck, StopSignal, Volumes. */
  readonly other: Readonly<Record<string, unknown>>;
}

export const NO_SETTINGS: ImageSettings = {
  env: new Map(),
  user: '',
  workdir: '',
  entrypoint: [],
  cmd: [],
  labels: new Map(),
  ports: [],
  annotations: new Map(),
  other: {},
};

export type Mount =
  | { readonly kind: 'directory'; readonly path: string; readonly content: Lazy<Content>; readonly readOnly: boolean }
  | { readonly kind: 'file'; readonly path: string; readonly content: Lazy<Content>; readonly name: string }
  | {
      readonly kind: 'cache';
      readonly path: string;
      readonly volume: CacheVolumeValue;
      readonly source?: DirectoryValue;
      readonly owner: string;
      readonly sharing: Sharing;
    }
  | {
      readonly kind: 'secret';
      readonly path: string;
      readonly secret: SecretValue;
      readonly owner: string;
      readonly mode: number;
    }
  | { readonly kind: 'temp'; readonly path: string; readonly size?: number };

/** What a command left behind. Paths are of files in the store. */
export interface ExecOutcome {
  readonly exitCode: number;
  readonly outputs: string;
  readonly rootfs: Stack;
  readonly mounts: ReadonlyMap<string, Content>;
}

/** A service that a container reaches by a name of its own. */
export interface Binding {
  readonly alias: string;
  readonly service: ServiceValue;
}

/** What a container was given for registries, by their hosts. */
export type RegistryRights = ReadonlyMap<string, Lazy<Credentials>>;

export interface ContainerState {
  readonly platform: string;
  readonly settings: ImageSettings;
  readonly rootfs: Lazy<Stack>;
  readonly mounts: readonly Mount[];
  readonly secretVariables: ReadonlyMap<string, SecretValue>;
  /** Variables that steps see, but that are not part of their keys, nor of the image. */
  readonly volatileVariables: ReadonlyMap<string, string>;
  readonly bindings: readonly Binding[];
  /** Whether the default arguments are the caller's own, not the image's. */
  readonly hasOwnArgs: boolean;
  readonly registryRights: RegistryRights;
  /** The recipe of what took the place of the image that it began with. */
  readonly standIn?: string | undefined;
  readonly exec?: Lazy<ExecOutcome>;
  readonly imageRef?: string;
  /** The archive that an untouched image came as, bytes and digests kept. */
  readonly original?: ImageRecord;
}

export class ContainerValue extends Value {
  readonly state: Lazy<ContainerState>;
  /** Known before anything is looked for. */
  readonly platform: string;

  constructor(state: Lazy<ContainerState>, platform: string) {
    super();
    this.state = state;
    this.platform = platform;
  }

  /** The same container with some of its state otherwise; worked out when asked for. */
  with(change: (state: ContainerState) => Promise<Partial<ContainerState>> | Partial<ContainerState>): ContainerValue {
    return new ContainerValue(
      lazy(async () => {
        const { original: _, imageRef: __, ...state } = await this.state();
        return { ...state, ...(await change(state)) };
      }),
      this.platform,
    );
  }

  withSettings(change: (settings: ImageSettings) => Partial<ImageSettings>): ContainerValue {
    return this.with(({ settings }) => ({ settings: { ...settings, ...change(settings) } }));
  }
}

/** How a service comes to run, and by what it is known. */
export interface ServiceRecipe {
  readonly kind: 'container' | 'host' | 'tunnel';
  /** Recipes with equal keys are one service. */
  readonly key: Lazy<string>;
  /** Its name in the session's network. */
  readonly hostname: Lazy<string>;
  readonly ports: Lazy<readonly Port[]>;
  readonly launch: () => Promise<Instance>;
  /** Makes all that has to be there before it can start. */
  readonly prepare: () => Promise<unknown>;
  readonly renamed: (hostname: string) => ServiceRecipe;
}

export class ServiceValue extends Value {
  readonly recipe: ServiceRecipe;

  constructor(recipe: ServiceRecipe) {
    super();
    this.recipe = recipe;
  }
}

/** Facts without behaviour: an environment variable, a port, a label, a file's status. */
export class FactValue extends Value {
  readonly type: 'EnvVariable' | 'Port' | 'Label' | 'Stat' | 'HealthcheckConfig';
  readonly fields: Readonly<Record<string, unknown>>;

  constructor(type: FactValue['type'], fields: Readonly<Record<string, unknown>>) {
    super();
    this.type = type;
    this.fields = fields;
  }
}

export class HostValue extends Value {}

/** A repository at an address, and what git is to know to ask there. */
export interface RemoteRepository {
  readonly url: string;
  readonly variables: Lazy<Readonly<Record<string, string>>>;
}

export class GitRepositoryValue extends Value {
  readonly directory: DirectoryValue;
  /** Of one that is in no folder. */
  readonly remote: RemoteRepository | undefined;

  constructor(directory: DirectoryValue, remote?: RemoteRepository) {
    super();
    this.directory = directory;
    this.remote = remote;
  }
}

export class GitRefValue extends Value {
  readonly repository: GitRepositoryValue;
  readonly name: string;

  constructor(repository: GitRepositoryValue, name: string) {
    super();
    this.repository = repository;
    this.name = name;
  }
}

/** Sorted; folders end with a slash. */
export interface ChangedPaths {
  readonly added: readonly string[];
  readonly modified: readonly string[];
  /** Without what is in a folder that is gone. */
  readonly removed: readonly string[];
  /** All that is gone. */
  readonly gone: readonly string[];
}

/** What turns one folder into another. */
export class ChangesetValue extends Value {
  readonly before: DirectoryValue;
  readonly after: DirectoryValue;
  readonly paths: Lazy<ChangedPaths>;
  /** Where that can be told without the paths. */
  readonly isEmpty: Lazy<boolean> | undefined;

  constructor(
    before: DirectoryValue,
    after: DirectoryValue,
    paths: ChangesetValue['paths'],
    isEmpty?: ChangesetValue['isEmpty'],
  ) {
    super();
    this.before = before;
    this.after = after;
    this.paths = paths;
    this.isEmpty = isEmpty;
  }
}
