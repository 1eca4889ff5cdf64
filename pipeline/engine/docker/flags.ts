// The flags of instructions: which there are, and what was said with them.

import type { Instruction } from '../../src/dockerfile/read.ts';
import { nearest } from '../../src/suggest.ts';
import { EngineError } from '../errors.ts';

type Kind = 'text' | 'list' | 'boolean';

const COPIED: Readonly<Record<string, Kind>> = { chown: 'text', chmod: 'text', link: 'boolean', exclude: 'list' };

const FLAGS: Readonly<Record<string, Readonly<Record<string, Kind>>>> = {
  FROM: { platform: 'text' },
  RUN: { mount: 'list', network: 'text', security: 'text', device: 'list' },
  COPY: { ...COPIED, from: 'text', parents: 'boolean' },
  ADD: { ...COPIED, 'keep-git-dir': 'boolean', checksum: 'text', unpack: 'boolean' },
  HEALTHCHECK: { interval: 'text', timeout: 'text', 'start-period': 'text', 'start-interval': 'text', retries: 'text' },
};

export interface Flags {
  readonly text: (name: string) => string | undefined;
  readonly list: (name: string) => readonly string[];
  readonly boolean: (name: string) => boolean | undefined;
}

export function flagsOf({ keyword, flags }: Pick<Instruction, 'keyword' | 'flags'>): Flags {
  const known = FLAGS[keyword] ?? {};
  const said = new Map<string, string[]>();
  for (const flag of flags) {
    const [, name = '', value] = /^--([^=]*)(?:=([\s\S]*))?$/.exec(flag) ?? [];
    const kind = Object.hasOwn(known, name) ? known[name] : undefined;
    if (kind === undefined) throw new EngineError(`unknown flag --${name}`, didYouMean('--', name, Object.keys(known)));
    if (kind !== 'boolean' && value === undefined) throw new EngineError(`the value of --${name} is missing`);
    if (kind === 'boolean' && !/^(true|false)$/i.test(value ?? 'true'))
      throw new EngineError(`--${name} is true or false, not ${JSON.stringify(value)}`);
    if (kind !== 'list' && said.has(name)) throw new EngineError(`--${name} is given twice`);
    said.set(name, [...(said.get(name) ?? []), value ?? 'true']);
  }
  const text = (name: string) => said.get(name)?.[0];
  return {
    text,
    list: (name) => said.get(name) ?? [],
    boolean: (name) => (said.has(name) ? text(name)?.toLowerCase() === 'true' : undefined),
  };
}

export function didYouMean(prefix: string, typed: string, known: readonly string[]): string | undefined {
  const word = nearest(typed, known);
  return word === undefined ? undefined : `did you mean ${prefix}${word}?`;
}
