// Reads docker-compose.yml. Every key is applied, noted or refused, with its name and line; all faults are named at once.
import { isMap, isScalar, type Node } from 'yaml';
import { PipelineError } from '../errors.ts';
import { type Fields, phraseFaults, YamlFile } from '../yaml.ts';
import { checkDependencies, type Dependencies, readDependencies } from './dependencies.ts';
import { readEnvFiles, readEnvironment } from './environment.ts';
import { readHealthcheck } from './health.ts';
import { NEEDLESS, NETWORK, NOTED, REFUSED, VOLUME } from './keys.ts';
import type { ComposeFile, ComposeService, Noted } from './model.ts';
import { readGrants, readMounts, readSources, type Source } from './mounts.ts';
import { areDivided, isInternal, readNetworks } from './networks.ts';
import { readPorts } from './ports.ts';
import { prepare } from './prepare.ts';
import { entriesOf, type Fail, finish, shaped } from './reading.ts';
import { castWhole, mapping, type Shape, scalarOf, textOrTexts, texts } from './shapes.ts';
import { substitute, type Variables } from './variables.ts';
import { wordsOf } from './words.ts';

export const COMPOSE_FILE = 'docker-compose.yml';

/** Throws `BAD_COMPOSE`. */
export function readCompose(text: string, variables: Variables): ComposeFile {
  const expand = (value: string) => substitute(value, variables);
  const file = new YamlFile(COMPOSE_FILE, text, (document, fail) => prepare(document, expand, fail));
  const root = file.fields();
  const found = root === undefined ? { services: [], noted: [] } : new Reading(file, variables).root(root);
  if (file.faults.length > 0) {
    throw new PipelineError(
      'BAD_COMPOSE',
      phraseFaults(file.faults),
      `fix ${COMPOSE_FILE}; what each key does is in drydock’s pipeline/src/core/compose/keys.ts`,
    );
  }
  return found;
}

const NAME = /^[a-zA-Z0-9._-]+$/;
const PROJECT = /^[a-z0-9][a-z0-9_-]*$/;

class Reading {
  readonly #file: YamlFile;
  readonly #variables: Variables;
  readonly #fail: Fail;
  readonly #noted: Noted[] = [];
  readonly #networks: string[][] = [];
  readonly #dependencies = new Map<string, Dependencies>();
  readonly #profiled = new Set<string>();
  #declared: Record<'volumes' | 'networks', string[]> = { volumes: [], networks: [] };
  #sources: Record<'configs' | 'secrets', ReadonlyMap<string, Source>> = { configs: new Map(), secrets: new Map() };

  constructor(file: YamlFile, variables: Variables) {
    this.#file = file;
    this.#variables = variables;
    this.#fail = (node, text) => file.fault(node, text);
  }

  root(root: Fields): ComposeFile {
    const name = root.text('name', 'unnamed');
    if (!PROJECT.test(name)) root.fault('name', 'must be of small letters, digits, - and _');
    // Compose has ignored it for years.
    root.text('version');
    if (root.has('include')) root.fault('include', 'cannot be carried out; write the services into this file');
    this.#declared = {
      volumes: this.#names(root, 'volumes', VOLUME),
      networks: this.#names(root, 'networks', NETWORK),
    };
    this.#sources = {
      configs: readSources(root, 'configs', this.#fail),
      secrets: readSources(root, 'secrets', this.#fail),
    };
    const all = root.mapping('services');
    if (all === undefined) root.fault('services', 'has to be there');
    finish(root);
    const services = all === undefined ? [] : this.#services(all);
    if (all !== undefined) checkDependencies(all, services, this.#profiled);
    if (areDivided(this.#networks))
      this.#note(root, 'networks', 'all services share one network, and can reach each other');
    const inside = entriesOf(root.nodeOf('networks')).find(([, , network]) => isInternal(network ?? undefined));
    if (inside !== undefined) this.#note(root, 'networks', `${inside[0]} is internal, but the world can be reached`);
    return { services, noted: this.#noted };
  }

  /** Names of the volumes or networks that the file declares. How they are made is the host's business. */
  #names(root: Fields, key: 'volumes' | 'networks', shape: Shape): string[] {
    shaped(key, mapping(shape, NAME), root, this.#fail);
    return entriesOf(root.nodeOf(key)).map(([name]) => name);
  }

  #services(all: Fields): ComposeService[] {
    const read = all.names().flatMap((name) => {
      if (!NAME.test(name)) this.#fail(all.keyOf(name), `services cannot have the name ${name}`);
      const fields = all.isEmpty(name) ? undefined : all.mapping(name);
      if (all.isEmpty(name)) this.#fail(all.keyOf(name), `services.${name} has neither an image nor anything else`);
      return fields === undefined ? [] : [this.#service(name, fields, all.keyOf(name))];
    });
    // What is known only now: which of the services that may be missing are.
    for (const service of read) {
      for (const name of this.#dependencies.get(service.name)?.optional ?? [])
        if (this.#profiled.has(name)) delete service.dependsOn[name];
    }
    return read.filter(({ name }) => !this.#profiled.has(name));
  }

  #service(name: string, fields: Fields, at: Node): ComposeService {
    const fail = this.#fail;
    for (const [key, { why, shape }] of Object.entries(NOTED))
      if (shaped(key, shape, fields, fail)) this.#noteOf(name, fields, key, why);
    for (const [key, shape] of Object.entries(NEEDLESS)) shaped(key, shape, fields, fail);
    for (const [key, hint] of Object.entries(REFUSED)) {
      if (fields.has(key)) fail(fields.keyOf(key), `services.${name}.${key} cannot be carried out; ${hint}`);
    }
    const networks = readNetworks(name, fields, this.#declared.networks, fail);
    this.#networks.push(networks);
    if (shaped('profiles', texts, fields, fail) && fields.texts('profiles').length > 0) {
      this.#profiled.add(name);
      this.#noteOf(name, fields, 'profiles', 'services with a profile are not deployed');
    }
    const { environment, unset } = readEnvironment(fields, this.#variables, fail);
    if (unset.length > 0)
      this.#noteOf(name, fields, 'environment', `${unset.join(', ')} of the environment is not handed on`);
    const dependencies = readDependencies(fields, fail);
    this.#dependencies.set(name, dependencies);
    if (dependencies.restarts) this.#noteOf(name, fields, 'depends_on', 'nothing is restarted with what it depends on');
    const mounts = readMounts(fields, this.#declared.volumes, fail);
    const granted = (['configs', 'secrets'] as const).flatMap((kind) =>
      readGrants(fields, kind, this.#sources[kind], fail),
    );
    const service: ComposeService = {
      name,
      place: `${this.#file.file}:${this.#file.lineOf(at)}`,
      image: fields.required('image'),
      entrypoint: this.#words(fields, 'entrypoint'),
      command: this.#words(fields, 'command'),
      environment,
      envFiles: readEnvFiles(fields, fail),
      user: fields.text('user') ?? null,
      workdir: fields.text('working_dir') ?? null,
      ports: readPorts(fields, fail),
      ...mounts,
      binds: [...mounts.binds, ...granted],
      healthcheck: readHealthcheck(fields, fail),
      dependsOn: dependencies.conditions,
    };
    this.#noteDeployment(name, fields, service);
    finish(fields, ['command', 'entrypoint']);
    return service;
  }

  #noteDeployment(name: string, fields: Fields, { tmpfs, volumes, ports }: ComposeService): void {
    if (tmpfs.length > 0 && fields.has('tmpfs'))
      this.#noteOf(name, fields, 'tmpfs', 'the folder of the image is written instead');
    if (volumes.length > 0) this.#noteOf(name, fields, 'volumes', 'named volumes last as long as the service');
    if (ports.length > 0)
      this.#noteOf(name, fields, 'ports', 'nothing is published on the host; probes ask inside the network');
    const deploy = fields.has('deploy') && isMap(fields.nodeOf('deploy')) ? fields.mapping('deploy') : undefined;
    const replicas = deploy?.has('replicas') ? castWhole(scalarOf(deploy.nodeOf('replicas'))) : undefined;
    if (replicas === 0) deploy?.fault('replicas', 'cannot be 0; give the service a profile');
    else if (replicas !== undefined && replicas !== 1 && deploy !== undefined)
      this.#noteOf(name, deploy, 'replicas', 'one of each service is started');
  }

  #note(fields: Fields, key: string, why: string): void {
    const place = `${this.#file.file}:${this.#file.lineOf(fields.keyOf(key))}`;
    this.#noted.push({ key, services: [], place, why });
  }

  #noteOf(service: string, fields: Fields, key: string, why: string): void {
    const known = this.#noted.find((other) => other.key === key && other.why === why);
    if (known === undefined) this.#note(fields, key, why);
    (known ?? this.#noted.at(-1))?.services.push(service);
  }

  /** A list of words, or one text that blanks divide. */
  #words(fields: Fields, key: string): string[] | null {
    if (!shaped(key, textOrTexts, fields, this.#fail)) return null;
    const node = fields.nodeOf(key);
    if (!isScalar(node)) return fields.strings(key);
    const words = wordsOf(String(node.value));
    if (words === undefined) fields.fault(key, 'has quotes without an end, or signs of a shell; write a list of words');
    return words ?? null;
  }
}
