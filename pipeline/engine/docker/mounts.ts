// What `RUN --mount=…` asks for, as it is written: https://docs.docker.com/reference/dockerfile/#run---mount.
import { posix } from 'node:path';
import { EngineError } from '../errors.ts';
import { didYouMean } from './flags.ts';

export type RunMount =
  | {
      readonly type: 'bind';
      readonly target: string;
      readonly from: string;
      readonly source: string;
      readonly isReadOnly: boolean;
    }
  | {
      readonly type: 'cache';
      readonly target: string;
      readonly id: string;
      readonly sharing: 'SHARED' | 'PRIVATE' | 'LOCKED';
      readonly from: string;
      readonly source: string;
      readonly owner: string;
      readonly mode: number | undefined;
    }
  | { readonly type: 'tmpfs'; readonly target: string; readonly size: number | undefined }
  | {
      readonly type: 'secret';
      readonly id: string;
      /** Undefined for one that is only a variable. */
      readonly target: string | undefined;
      readonly variable: string | undefined;
      readonly isRequired: boolean;
      readonly owner: string;
      readonly mode: number;
    };

const COMMON = ['type', 'target'];
const KEYS: Readonly<Record<RunMount['type'], readonly string[]>> = {
  bind: [...COMMON, 'source', 'from', 'readonly', 'readwrite'],
  cache: [...COMMON, 'id', 'source', 'from', 'readonly', 'readwrite', 'sharing', 'mode', 'uid', 'gid'],
  tmpfs: [...COMMON, 'size', 'readonly', 'readwrite'],
  secret: [...COMMON, 'id', 'source', 'required', 'mode', 'uid', 'gid', 'env', 'readonly'],
};
const ALIASES = new Map([
  ['dst', 'target'],
  ['destination', 'target'],
  ['src', 'source'],
  ['ro', 'readonly'],
  ['rw', 'readwrite'],
]);
const SHARING = ['shared', 'private', 'locked'];

/** `expanded` replaces the variables of a value; a relative target is in the working directory. */
export function mountOf(text: string, expanded: (value: string) => string, workdir: string): RunMount {
  const said = new Map(
    text.split(',').map((field) => {
      const [, key = '', value] = /^([^=]*)(?:=([\s\S]*))?$/.exec(field) ?? [];
      const name = key.toLowerCase();
      return [ALIASES.get(name) ?? name, value === undefined ? 'true' : expanded(value)];
    }),
  );
  const type = (said.get('type') ?? 'bind').toLowerCase();
  if (type === 'ssh')
    throw new EngineError('--mount=type=ssh is not in the embedded engine', 'give what it is needed for as a secret');
  if (!isType(type)) throw new EngineError(`unknown mount type ${type}`, didYouMean('', type, Object.keys(KEYS)));
  for (const key of said.keys())
    if (!KEYS[type].includes(key))
      throw new EngineError(`unknown option ${key} of a mount of type ${type}`, didYouMean('', key, KEYS[type]));
  const has = (name: string) => said.has(name) && !/^(0|f|false)$/i.test(said.get(name) as string);
  const value = (name: string) => said.get(name) ?? '';
  const number = (name: string, base: number) => {
    const value = said.get(name);
    if (value === undefined) return undefined;
    if (!(base === 8 ? /^[0-7]+$/ : /^\d+$/).test(value)) throw new EngineError(`${name}=${value} is not a number`);
    return Number.parseInt(value, base);
  };
  const [uid, gid] = [number('uid', 10), number('gid', 10)];
  const owner = uid === undefined && gid === undefined ? '' : `${uid ?? 0}:${gid ?? 0}`;
  const target = (path = value('target')) => {
    const place = posix.resolve('/', workdir, path);
    if (path === '' || place === '/') throw new EngineError(`a mount's target is missing in ${text}`);
    return place;
  };
  switch (type) {
    case 'bind':
      return {
        type,
        target: target(),
        from: value('from'),
        source: value('source'),
        isReadOnly: !has('readwrite') && said.get('readonly') !== 'false',
      };
    case 'cache': {
      const sharing = (said.get('sharing') ?? 'shared').toLowerCase();
      if (!SHARING.includes(sharing)) throw new EngineError(`sharing is ${SHARING.join(', ')}, not ${sharing}`);
      return {
        type,
        target: target(),
        id: value('id') || posix.join(value('target'), '.'),
        sharing: sharing.toUpperCase() as 'SHARED',
        from: value('from'),
        source: value('source'),
        owner,
        mode: number('mode', 8),
      };
    }
    case 'tmpfs':
      return { type, target: target(), size: said.has('size') ? bytesOf(value('size')) : undefined };
    case 'secret': {
      if (said.has('source') && said.has('id')) throw new EngineError('a secret has a source or an id, not both');
      const id = value('id') || value('source') || posix.basename(value('target'));
      if (id === '') throw new EngineError(`the secret's id is missing in ${text}`);
      const variable = said.get('env');
      const isFile = variable === undefined || said.has('target');
      return {
        type,
        id,
        target: isFile ? target(value('target') || `/run/secrets/${posix.basename(id)}`) : undefined,
        variable,
        isRequired: has('required'),
        owner,
        mode: number('mode', 8) ?? 0o400,
      };
    }
  }
}

const isType = (type: string): type is RunMount['type'] => Object.hasOwn(KEYS, type);

/** `64m`, in bytes. */
function bytesOf(text: string): number {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i.exec(text) ?? [];
  if (number === '') throw new EngineError(`size=${text} is not a size`, 'write it as in size=64m');
  return Math.round(Number(number) * 1024 ** ['', 'k', 'm', 'g', 't'].indexOf(unit.toLowerCase()));
}
