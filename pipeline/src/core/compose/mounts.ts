// What is mounted into a service: files of the repository, volumes, folders in memory, and configs and secrets that are files.
import { posix } from 'node:path';
import { isMap, isScalar, isSeq, type Node } from 'yaml';
import type { Fields } from '../yaml.ts';
import type { Bind, ComposeService } from './model.ts';
import { entriesOf, type Fail, insideOf, OUTSIDE, scalarsOf, shaped } from './reading.ts';
import {
  castFlag,
  either,
  fields,
  flag,
  list,
  mapping,
  optional,
  type Shape,
  scalarOf,
  size,
  strictFlag,
  strictWhole,
  table,
  text,
  textOrTexts,
  wordOf,
} from './shapes.ts';

export type Mounts = Pick<ComposeService, 'binds' | 'volumes' | 'tmpfs'>;

const LONG = fields({
  type: wordOf('bind', 'volume', 'tmpfs'),
  source: text,
  target: text,
  read_only: flag,
  consistency: text,
  bind: fields({ propagation: text, create_host_path: strictFlag, selinux: wordOf('z', 'Z') }),
  volume: fields({ nocopy: flag }),
  tmpfs: fields({ size, mode: strictWhole }),
});
const MODES = ['ro', 'rw', 'z', 'Z', 'cached', 'consistent', 'delegated', 'nocopy'];

type Mount = { type: string; source?: string; target: string; isReadOnly: boolean };

/** `declared` are the names of the file's volumes. */
export function readMounts(service: Fields, declared: readonly string[], fail: Fail): Mounts {
  const found: Mounts = { binds: [], volumes: [], tmpfs: readTmpfs(service, fail) };
  if (!shaped('volumes', list(either(text, LONG)), service, fail)) return found;
  const node = service.nodeOf('volumes');
  const known = new Set(found.tmpfs);
  for (const item of isSeq(node) ? (node.items as Node[]) : []) {
    const refuse = (why: string) => fail(item, `${service.pathOf('volumes')} ${why}`);
    const written = isMap(item) ? String(item) : JSON.stringify(scalarOf(item));
    const mount = isMap(item) ? longMount(scalarsOf(item)) : shortMount(String(scalarOf(item)));
    if (mount === undefined || !mount.target.startsWith('/')) {
      refuse(`cannot be ${written}; write ./FILE:/TARGET:ro, or VOLUME:/TARGET`);
      continue;
    }
    const target = cleaned(mount.target);
    if (known.has(target)) refuse(`has ${target} twice`);
    known.add(target);
    place(found, { ...mount, target }, { declared, written, refuse });
  }
  return found;
}

type Around = { declared: readonly string[]; written: string; refuse: (why: string) => void };

function place(
  found: Mounts,
  { type, source, target, isReadOnly }: Mount,
  { declared, written, refuse }: Around,
): void {
  if (type === 'tmpfs') found.tmpfs.push(target);
  else if (type === 'volume') {
    if (source === undefined || declared.includes(source)) found.volumes.push({ name: source ?? null, target });
    else refuse(`names ${JSON.stringify(source)}, which is not declared; add it to volumes, or write ./${source}`);
  } else {
    const inside = insideOf(source ?? '');
    if (inside === undefined) refuse(`cannot be ${written}: ${OUTSIDE}`);
    else found.binds.push({ source: inside, target, readOnly: isReadOnly });
  }
}

function shortMount(written: string): Mount | undefined {
  const [first = '', second, mode = 'rw', ...more] = written.split(':');
  const modes = mode.split(',');
  if (more.length > 0 || modes.some((one) => !MODES.includes(one))) return undefined;
  if (second === undefined) return { type: 'volume', target: first, isReadOnly: false };
  const isReadOnly = modes.includes('ro');
  return { type: /^[./~]/.test(first) ? 'bind' : 'volume', source: first, target: second, isReadOnly };
}

type Written = { type?: string; source?: string; target?: string; read_only?: unknown };

function longMount({ type, source, target = '', read_only }: Written): Mount | undefined {
  if (type === undefined || (type === 'bind' && source === undefined) || source === '') return undefined;
  return { type, target, isReadOnly: castFlag(read_only) === true, ...(source === undefined ? {} : { source }) };
}

function readTmpfs(service: Fields, fail: Fail): string[] {
  if (!shaped('tmpfs', textOrTexts, service, fail)) return [];
  const node = service.nodeOf('tmpfs');
  const written = isScalar(node) ? [String(node.value)] : service.texts('tmpfs');
  const targets = written.map((one) => cleaned(one.split(':')[0] ?? ''));
  if (targets.some((target) => !target.startsWith('/')) || new Set(targets).size < targets.length)
    service.fault('tmpfs', 'must name folders that begin with /, each once');
  return targets;
}

const cleaned = (path: string) => (path === '' ? '' : posix.normalize(path).replace(/(?<=.)\/$/, ''));

/** A config or secret of the file: the file that it is, or why there is none. */
export type Source = { path: string } | { fault: string };

const DECLARED: Readonly<Record<'configs' | 'secrets', Readonly<Record<string, Shape>>>> = {
  configs: {
    name: text,
    file: text,
    content: text,
    environment: text,
    external: flag,
    labels: table,
    template_driver: text,
  },
  secrets: { name: text, file: text, environment: text, external: flag, labels: table, template_driver: text },
};

export function readSources(root: Fields, kind: 'configs' | 'secrets', fail: Fail): ReadonlyMap<string, Source> {
  if (!shaped(kind, mapping(fields(DECLARED[kind])), root, fail)) return new Map();
  return new Map(
    entriesOf(root.nodeOf(kind)).map(([name, key, value]) => {
      const said = isMap(value) ? KINDS.filter((one) => value.has(one)) : [];
      if (said.length !== 1) fail(value ?? key, `${kind}.${name} must have one of ${KINDS.join(', ')}`);
      const path = isMap(value) && said[0] === 'file' ? insideOf(String(value.get('file'))) : undefined;
      return [name, path === undefined ? { fault: `names ${name}, which is no file of the repository` } : { path }];
    }),
  );
}

const KINDS = ['file', 'content', 'environment', 'external'];

const GRANT = either(text, fields({ source: text, target: text, uid: text, gid: text, mode: strictWhole }));

/** Files that are mounted since the service is granted a config or a secret. */
export function readGrants(
  service: Fields,
  kind: 'configs' | 'secrets',
  sources: ReadonlyMap<string, Source>,
  fail: Fail,
): Bind[] {
  if (!shaped(kind, list(optional(GRANT)), service, fail)) return [];
  const node = service.nodeOf(kind);
  return (isSeq(node) ? (node.items as Node[]) : []).flatMap((item) => {
    const grant = isMap(item)
      ? (scalarsOf(item) as { source?: string; target?: string })
      : { source: String(scalarOf(item)) };
    const { source = '', target = source } = grant;
    const found = sources.get(source) ?? { fault: `names ${source}, which is not declared` };
    if ('fault' in found) {
      fail(item, `${service.pathOf(kind)} ${found.fault}`);
      return [];
    }
    return [
      { source: found.path, target: posix.resolve(kind === 'secrets' ? '/run/secrets' : '/', target), readOnly: true },
    ];
  });
}
