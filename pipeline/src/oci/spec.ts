// What to assemble, as data: parsed once, every fault named at once.
import { OciError, reasonOf } from './errors.ts';
import { parsePlatform } from './platform.ts';
import { parsePin, parseReference } from './reference.ts';
import { parseMirrors } from './registry.ts';
import { STAND_IN_LABEL } from './types.ts';

/** An image to be assembled: a base by digest, a folder of files, and how it runs. */
export type AssembleSpec = {
  base: {
    /** `registry/repository:tag@sha256:…` */
    pin: string;
    /** OCI archives or layout folders, looked through in this order before a registry is asked. */
    archives: string[];
    /** `docker.io=mirror.example/prefix`, as `--mirror` takes it. */
    mirrors: string[];
    /** Registries that may be spoken to in plain http, beside loopback. */
    plainHttp: string[];
    /** A Docker `config.json` with credentials. */
    dockerConfig?: string;
    /** Ask no registry. */
    offline: boolean;
  };
  /** The folder whose content becomes the app layer. */
  app: string;
  /** Where it goes in the image. */
  target: string;
  platforms: string[];
  /** A name for `docker load`, `drydock/service:dev`. Part of the archive, never of the image. */
  repoTag?: string;
} & RunSpec;

/** How a container of the image runs; what is absent is the base's. */
export type RunSpec = {
  user?: string;
  entrypoint?: string[];
  cmd?: string[];
  env?: Record<string, string>;
  workdir?: string;
  ports?: string[];
  labels?: Record<string, string>;
  healthcheck?: HealthSpec;
  stopSignal?: string;
};

/** Times in nanoseconds, as in Docker's own configuration. */
export type HealthSpec = {
  test: string[];
  interval?: number;
  timeout?: number;
  startPeriod?: number;
  retries?: number;
};

type Fields = Record<string, unknown>;
/** A sentence about a value that is not as it should be; undefined when it is. */
type Check = (value: unknown) => string | undefined;

const is = (test: (value: unknown) => boolean, what: string): Check => {
  return (value) => (test(value) ? undefined : `has to be ${what}`);
};
const isText = (value: unknown): value is string => typeof value === 'string' && value !== '' && !value.includes('\0');
const isRecord = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');
const isWhole = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;

const text = is(isText, 'a text');
const texts = is(isTexts, 'a list of texts');
const whole = is(isWhole, 'a whole number, 0 or more');
const absolute = is((value) => isText(value) && value.startsWith('/'), 'an absolute path');
const textRecord = is(
  (value) => isRecord(value) && Object.values(value).every((item) => typeof item === 'string'),
  'an object of texts',
);

const SPEC: Record<string, Check> = {
  base: is(isRecord, 'an object with the pin of the base'),
  app: text,
  target: checkTarget,
  platforms: checkPlatforms,
  repoTag: saidBy((value) => parseReference(String(value))),
  user: text,
  entrypoint: texts,
  cmd: texts,
  env: checkEnv,
  workdir: absolute,
  ports: is(
    (value) => isTexts(value) && value.every((port) => /^\d{1,5}\/(tcp|udp|sctp)$/.test(port)),
    'a list such as ["8000/tcp"]',
  ),
  labels: checkLabels,
  healthcheck: is(isRecord, 'an object with a test'),
  stopSignal: text,
};
const BASE: Record<string, Check> = {
  pin: saidBy((value) => parsePin(String(value))),
  archives: texts,
  mirrors: (value) => texts(value) ?? saidBy((pairs) => parseMirrors(pairs as string[]))(value),
  plainHttp: texts,
  dockerConfig: text,
  offline: is((value) => typeof value === 'boolean', 'true or false'),
};
const HEALTH: Record<string, Check> = {
  test: is(
    (value) => isTexts(value) && /^(NONE|CMD|CMD-SHELL)$/.test(value[0] ?? ''),
    'a list that begins with NONE, CMD or CMD-SHELL',
  ),
  interval: whole,
  timeout: whole,
  startPeriod: whole,
  retries: whole,
};

/** Read a spec from what JSON.parse made of it. Throws one error that names every fault. */
export function parseSpec(raw: unknown): AssembleSpec {
  if (!isRecord(raw)) throw invalid(['the spec has to be a JSON object']);
  const base = isRecord(raw.base) ? raw.base : {};
  const health = isRecord(raw.healthcheck) ? raw.healthcheck : undefined;
  const faults = [
    ...faultsOf(raw, SPEC, ['base', 'app', 'platforms'], ''),
    ...(isRecord(raw.base) ? faultsOf(base, BASE, ['pin'], 'base.') : []),
    ...(health === undefined ? [] : faultsOf(health, HEALTH, ['test'], 'healthcheck.')),
  ];
  if (faults.length > 0) throw invalid(faults);
  const defaults = { archives: [], mirrors: [], plainHttp: [], offline: false };
  const merged: unknown = { target: '/app', ...raw, base: { ...defaults, ...base } };
  return merged as AssembleSpec; // every field was checked above
}

function faultsOf(fields: Fields, checks: Record<string, Check>, required: string[], prefix: string): string[] {
  const missing = required.filter((key) => fields[key] === undefined).map((key) => `${prefix}${key} is missing`);
  const found = Object.entries(fields).flatMap(([key, value]) => {
    // An unknown key is a misspelt one, and what it was meant to say would be lost.
    const check = Object.hasOwn(checks, key) ? checks[key] : undefined;
    if (check === undefined) return [`${prefix}${key} is not known`];
    const fault = check(value);
    return fault === undefined ? [] : [`${prefix}${key} ${fault}`];
  });
  return [...missing, ...found];
}

function checkTarget(value: unknown): string | undefined {
  const isPlain = isText(value) && /^(\/[^/]+)+$/.test(value) && !/\/\.\.?(\/|$)/.test(value);
  return isPlain ? undefined : 'has to be an absolute path below / without . or ..';
}

function checkPlatforms(value: unknown): string | undefined {
  if (!isTexts(value) || value.length === 0) return 'has to be a list such as ["linux/amd64"]';
  if (new Set(value).size < value.length) return 'names a platform twice';
  return saidBy(() => value.map(parsePlatform))(value);
}

function checkEnv(value: unknown): string | undefined {
  const fault = textRecord(value);
  if (fault !== undefined) return fault;
  const odd = Object.keys(value as Fields).find((key) => key === '' || key.includes('='));
  return odd === undefined ? undefined : `has a variable called ${JSON.stringify(odd)}`;
}

function checkLabels(value: unknown): string | undefined {
  const fault = textRecord(value);
  if (fault !== undefined) return fault;
  // Only a base can say that; a spec that could would let any image pass for one.
  return Object.hasOwn(value as Fields, STAND_IN_LABEL) ? `may not set ${STAND_IN_LABEL}` : undefined;
}

/** A check that is somebody else's parser. */
function saidBy(parse: (value: unknown) => unknown): Check {
  return (value) => {
    try {
      parse(value);
      return undefined;
    } catch (error) {
      return `is wrong: ${reasonOf(error)}`;
    }
  };
}

function invalid(faults: string[]): OciError {
  return new OciError(
    'SPEC_INVALID',
    `the spec cannot be used: ${faults.join('; ')}`,
    'fix the spec; its fields are described in spec.ts',
  );
}
