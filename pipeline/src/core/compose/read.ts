// Reads docker-compose.yml. Every key is applied, noted or refused, with its name and line; all faults are named at once.
import { isMap, isScalar, type Node } from 'yaml';
import { PipelineError } from '../errors.ts';
import { type Fields, phraseFaults, YamlFile } from '../yaml.ts';
import { NOTED, REFUSED } from './keys.ts';
import type { Bind, ComposeFile, ComposeService, Condition, Healthcheck, Noted, Port } from './model.ts';
import { prepare } from './prepare.ts';
import { substitute, type Variables } from './variables.ts';

export const COMPOSE_FILE = 'docker-compose.yml';

/** Throws `BAD_COMPOSE`. */
export function readCompose(text: string, variables: Variables): ComposeFile {
  const expand = (value: string) => substitute(value, variables);
  const file = new YamlFile(COMPOSE_FILE, text, (document, fail) => prepare(document, expand, fail));
  const root = file.fields();
  const found = root === undefined ? { services: [], noted: [] } : readRoot(file, root);
  if (file.faults.length > 0) {
    throw new PipelineError(
      'BAD_COMPOSE',
      phraseFaults(file.faults),
      `mend ${COMPOSE_FILE}; what each key does is in drydock’s pipeline/src/core/compose/keys.ts`,
    );
  }
  return found;
}

type Reading = { file: YamlFile; noted: Noted[]; volumes: readonly string[]; networks: readonly string[] };

function readRoot(file: YamlFile, root: Fields): ComposeFile {
  root.text('name');
  // Compose has ignored it for years.
  root.text('version');
  for (const name of root.names()) if (name.startsWith('x-')) root.has(name);
  const noted: Noted[] = [];
  const reading: Reading = { file, noted, volumes: declared(root, 'volumes'), networks: declared(root, 'networks') };
  const all = root.mapping('services');
  if (all === undefined) root.fault('services', 'has to be there');
  root.end();
  const services = (all?.names() ?? []).flatMap((name) => {
    const fields = all?.mapping(name);
    return fields === undefined ? [] : [readService(reading, name, fields, all?.keyOf(name))];
  });
  if (all !== undefined) checkDependencies(all, services);
  return { services, noted };
}

/** Names of the volumes or networks that the file declares. How they are made is the host's business. */
function declared(root: Fields, key: string): string[] {
  return root.has(key) ? (root.mapping(key)?.names() ?? []) : [];
}

function readService(reading: Reading, name: string, fields: Fields, at: Node | undefined): ComposeService {
  const { file } = reading;
  for (const [key, why] of Object.entries(NOTED)) if (fields.has(key)) note(reading, name, fields, key, why);
  for (const [key, hint] of Object.entries(REFUSED)) {
    if (fields.has(key)) file.fault(fields.keyOf(key), `services.${name}.${key} cannot be carried out; ${hint}`);
  }
  for (const network of namesOf(fields, 'networks')) {
    if (!reading.networks.includes(network)) fields.fault('networks', `names ${network}, which is not declared`);
  }
  const service: ComposeService = {
    name,
    place: `${file.file}:${file.lineOf(at)}`,
    image: fields.required('image'),
    entrypoint: words(fields, 'entrypoint'),
    command: words(fields, 'command'),
    environment: readEnvironment(fields),
    user: fields.text('user') ?? null,
    workdir: fields.text('working_dir') ?? null,
    ports: fields.texts('ports').flatMap((text) => toPort(text) ?? refuse(fields, 'ports', text, 'HOST:CONTAINER')),
    ...readVolumes(reading, fields),
    tmpfs: texts(fields, 'tmpfs').map((text) => text.split(':')[0] ?? text),
    healthcheck: readHealthcheck(fields),
    dependsOn: readDependencies(fields),
  };
  if (service.tmpfs.length > 0) note(reading, name, fields, 'tmpfs', 'the folder of the image is written instead');
  if (service.volumes.length > 0) note(reading, name, fields, 'volumes', 'named volumes last as long as the service');
  if (service.ports.length > 0)
    note(reading, name, fields, 'ports', 'nothing is published on the host; probes ask inside the network');
  fields.end();
  return service;
}

function note({ file, noted }: Reading, service: string, fields: Fields, key: string, why: string): void {
  const known = noted.find((other) => other.key === key);
  if (known !== undefined) known.services.push(service);
  else noted.push({ key, services: [service], place: `${file.file}:${file.lineOf(fields.keyOf(key))}`, why });
}

function refuse(fields: Fields, key: string, text: string, form: string): [] {
  fields.fault(key, `cannot be ${JSON.stringify(text)}; write ${form}`);
  return [];
}

/** A list of words, or one text that a space divides. */
function words(fields: Fields, key: string): string[] | null {
  const node = fields.nodeOf(key);
  if (node === undefined) return null;
  if (!isScalar(node)) return fields.texts(key);
  const text = fields.text(key, '');
  if (!/["'\\]/.test(text)) return text.split(/\s+/).filter((word) => word !== '');
  fields.fault(key, 'has quotes in it; write a list of words');
  return null;
}

/** One text, or a list of them. */
function texts(fields: Fields, key: string): string[] {
  const node = fields.nodeOf(key);
  return isScalar(node) ? [fields.text(key, '')] : fields.texts(key);
}

/** A list of names, or a mapping whose names are meant. */
function namesOf(fields: Fields, key: string): string[] {
  return isMap(fields.nodeOf(key)) ? (fields.mapping(key)?.names() ?? []) : fields.texts(key);
}

function readEnvironment(fields: Fields): Record<string, string> {
  if (!isMap(fields.nodeOf('environment'))) {
    const pairs = fields.texts('environment').map((text): [string, string] => {
      const at = text.indexOf('=');
      if (at < 1) refuse(fields, 'environment', text, 'NAME=VALUE');
      return [text.slice(0, at), text.slice(at + 1)];
    });
    return Object.fromEntries(pairs);
  }
  const variables = fields.mapping('environment');
  return Object.fromEntries((variables?.names() ?? []).map((name) => [name, value(variables, name)]));
}

/** A number or a flag is a text here, as it is for the program that reads it. */
function value(variables: Fields | undefined, name: string): string {
  const node = variables?.nodeOf(name);
  if (isScalar(node) && node.value !== null) return String(node.value);
  variables?.fault(name, 'has no value');
  return '';
}

function toPort(text: string): Port | undefined {
  const match = /^(?:(\d+\.\d+\.\d+\.\d+):)?(\d+):(\d+)(?:\/tcp)?$/.exec(text);
  return match === null ? undefined : { host: match[1] ?? null, published: Number(match[2]), target: Number(match[3]) };
}

function readVolumes(reading: Reading, fields: Fields): Pick<ComposeService, 'binds' | 'volumes'> {
  const binds: Bind[] = [];
  const volumes: ComposeService['volumes'] = [];
  for (const text of fields.texts('volumes')) {
    const [source = '', target = '', mode, ...more] = text.split(':');
    const isFile = /^[./]/.test(source);
    if (!target.startsWith('/') || more.length > 0 || (mode !== undefined && mode !== 'ro' && mode !== 'rw')) {
      refuse(fields, 'volumes', text, './FILE:/TARGET:ro, or VOLUME:/TARGET');
    } else if (isFile && !/^\.\/(?!.*\.\.)/.test(source)) {
      fields.fault(
        'volumes',
        `cannot be ${JSON.stringify(text)}: only files of the repository are at hand; write ./FILE`,
      );
    } else if (isFile) {
      binds.push({ source: source.slice(2), target, readOnly: mode === 'ro' });
    } else if (reading.volumes.includes(source)) {
      volumes.push({ name: source, target });
    } else {
      fields.fault(
        'volumes',
        `names ${JSON.stringify(source)}, which is not declared; add it to volumes, or write ./${source}`,
      );
    }
  }
  return { binds, volumes };
}

/** Docker's own values where the file has none. */
function readHealthcheck(fields: Fields): Healthcheck | null {
  if (!fields.has('healthcheck')) return null;
  const check = fields.mapping('healthcheck');
  if (check === undefined) return null;
  const found: Healthcheck = {
    test: readTest(check),
    intervalSeconds: duration(check, 'interval', 30),
    timeoutSeconds: duration(check, 'timeout', 30),
    startSeconds: duration(check, 'start_period', 0),
    retries: check.count('retries', 3),
  };
  check.has('start_interval');
  const isOff = check.flag('disable', false) || found.test?.[0] === 'NONE';
  check.end();
  return isOff ? null : found;
}

function readTest(check: Fields): string[] | null {
  const node = check.nodeOf('test');
  if (node === undefined) return null;
  if (isScalar(node)) return ['CMD-SHELL', check.text('test', '')];
  const test = check.texts('test');
  if (['CMD', 'CMD-SHELL', 'NONE'].includes(test[0] ?? '')) return test;
  check.fault('test', 'must begin with CMD, CMD-SHELL or NONE');
  return null;
}

const CONDITIONS = ['service_started', 'service_healthy'] as const satisfies readonly Condition[];

function readDependencies(fields: Fields): Record<string, Condition> {
  const node = fields.nodeOf('depends_on');
  if (!isMap(node)) return Object.fromEntries(fields.texts('depends_on').map((name) => [name, 'service_started']));
  const all = fields.mapping('depends_on');
  return Object.fromEntries(
    (all?.names() ?? []).map((name) => {
      const one = all?.mapping(name);
      const condition = one?.oneOf('condition', CONDITIONS, 'service_started') ?? 'service_started';
      one?.end();
      return [name, condition];
    }),
  );
}

function checkDependencies(all: Fields, services: readonly ComposeService[]): void {
  for (const { name, dependsOn } of services) {
    for (const [needed, condition] of Object.entries(dependsOn)) {
      const other = services.find((service) => service.name === needed);
      if (other === undefined) all.fault(name, `depends on ${needed}, which is not there`);
      else if (condition === 'service_healthy' && other.healthcheck === null)
        all.fault(name, `waits for ${needed} to be healthy, but ${needed} has no healthcheck`);
    }
    if (reaches(services, name, name)) all.fault(name, 'depends on itself, by way of the others');
  }
}

function reaches(services: readonly ComposeService[], from: string, to: string, seen = new Set<string>()): boolean {
  const needs = Object.keys(services.find(({ name }) => name === from)?.dependsOn ?? {});
  return needs.some((name) => {
    if (name === to) return true;
    if (seen.has(name)) return false;
    return reaches(services, name, to, seen.add(name));
  });
}

/** `1m30s`, `500ms`. */
function duration(fields: Fields, key: string, fallback: number): number {
  if (!fields.has(key)) return fallback;
  const text = fields.text(key, '');
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|us|h|m|s)/g)];
  if (text === '' || parts.map(([part]) => part).join('') !== text) {
    fields.fault(key, `cannot be ${JSON.stringify(text)}; write 500ms, 10s or 1m30s`);
    return fallback;
  }
  return parts.reduce((sum, [, count, unit = 's']) => sum + Number(count) * (UNITS[unit] ?? 1), 0);
}

const UNITS: Readonly<Record<string, number>> = { us: 0.000_001, ms: 0.001, s: 1, m: 60, h: 3600 };
