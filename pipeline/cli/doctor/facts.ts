// What the doctor knows of a machine: everything that a check decides on. Gathered by machine.ts; tests make their own.
import type { EngineFacts } from '../../src/core/model.ts';

/** Something that did not work, in its own words. */
export type Fault = { message: string; hint?: string };

/** What `embedded-engine probe` prints. */
export type Probe = {
  programs: string;
  /** What is known of their versions, and which holes steps could reach. */
  holes: { found: string; reachable: string[] }[];
  step: Fault | null;
  network: Fault | null;
  notIsolated: { reason: string; hint: string } | null;
  unlimited: string[];
  packages: { debian: string[]; npm: string[] };
  store: string;
  images: number;
};

/** What came of trying an engine that is not ours; `tried` holds what was as the stages expect it. */
export type Trial = {
  tried: string[];
  differs: string[];
  /** The part of its disk that is free; null where no step ran. */
  diskFree: number | null;
  canStep: boolean;
  seconds: number;
};

/** An address that was asked for an answer, whatever the answer was. */
export type Place = { url: string; answers: boolean; serverMs: number | null };

/** A pinned image, by the name of its pin. */
export type Image = { name: string; fault: Fault | null };

export type Facts = {
  kernel: string;
  nodeVersion: string;
  user: string;
  isRoot: boolean;
  isOffline: boolean;
  /** Engines in the order in which they are tried, or why there is none. */
  engines: EngineFacts[] | Fault;

  /** Null where the first engine is the embedded one, or where none was asked for. */
  trial: Trial | Fault | null;

  // ── the embedded engine; unknown where another one runs ──
  /** Whose programs run steps, with the runtime's version; or why there are none. */
  programs: string | Fault | null;
  /** How many subordinate ids the user has; null for root, who needs none. */
  ids: { users: number; groups: number; hasMapper: boolean; free: { users: string; groups: string } } | null;
  /** Whether the user's number has a name, which subordinate ids are given to. */
  isNamed: boolean;
  /** What the kernel says of itself; null where it is no Linux. */
  features: Features | null;
  /** Null where it was not tried, because programs are missing. */
  probe: Probe | Fault | null;

  // ── where things come from ──
  /** The pinned images that every run needs, asked for as a run does. */
  images: Image[];
  packages: Place[];
  proxies: { name: string; value: string }[];
  nodeUsesProxy: boolean;
  /** A file named as bundle of certificates. */
  certificates: { name: string; path: string; count: number | null }[];
  credentials: { file: string; registries: Credential[] | Fault };
  /** Variables that a delivery takes secrets from, and what is wrong with their shape. */
  secrets: { name: string; flaw: string | null }[];
  /** Names of variables that an .npmrc wants and the environment lacks. */
  npmVariables: string[];

  // ── the place ──
  folders: Record<'cache' | 'results', Folder>;
  nowMs: number;
  /** Null without the program. */
  git: Git | typeof OTHERS | Fault | null;
};

/** What stands in a step's way, where one does not run. */
export type Features = {
  hasOverlay: boolean;
  hasSeccomp: boolean;
  /** How many user namespaces there may be: none where the kernel was built without, or forbids them. */
  userNamespaces: number;
  /** Names of settings that forbid them to whoever is not root. */
  forbiddenBy: Setting[];
};

/** Of the kernel, by the name that sysctl takes. */
export type Setting = 'kernel.apparmor_restrict_unprivileged_userns' | 'kernel.unprivileged_userns_clone';

/** Who may use a registry, without the secret: its shape only. */
export type Credential = { registry: string; kind: 'password' | 'identity' | 'helper' | 'none' | 'broken' };

/** A folder, or where it would be made, and the file system there. */
export type Folder = { path: string; freeBytes: number; totalBytes: number; isWritable: boolean };

/** A working copy that belongs to another user, which git refuses to read. */
export const OTHERS = 'another user’s';

type Git = { commit: string | null; committedMs: number | null; changes: number; isShallow: boolean };

export const isFault = (value: object | string | null): value is Fault =>
  typeof value === 'object' && value !== null && 'message' in value;
