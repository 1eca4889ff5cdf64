// What instructions say of the image itself: pairs of ENV and LABEL, ports, health checks.

import { jsonWords, quotedWords } from '../../src/dockerfile/read.ts';
import { toHealthcheck } from '../api/healthcheck.ts';
import { EngineError } from '../errors.ts';
import type { Port } from '../run/services.ts';
import type { Flags } from './flags.ts';

/** `A=1 B="two words"`, or in the old form `A all that follows`. */
export function wordPairs(rest: string, escapeMark: string): [name: string, value: string][] {
  const words = quotedWords(rest, escapeMark);
  if (!words[0]?.includes('=')) {
    const [, name = '', value] = /^(\S+)\s+([\s\S]+)$/.exec(rest) ?? [];
    if (value === undefined) throw new EngineError(`${rest} has no value`, 'write it as in NAME=value');
    return [[name, value]];
  }
  return words.map((word) => {
    const [, name, value = ''] = /^([^=]*)=([\s\S]*)$/.exec(word) ?? [];
    if (!name) throw new EngineError(`${word} is not a name and a value`, 'write it as in NAME=value');
    return [name, value];
  });
}

/** Those that there are, and those of `80`, `53/udp`, `7000-7005`. */
export function portsOf(known: readonly Port[], words: readonly string[]): Port[] {
  const ports = [...known];
  const keys = new Set(known.map(({ port, protocol }) => `${port}/${protocol}`));
  for (const word of [...words].sort()) {
    const [, first, last = first, kind = 'tcp'] = /^(\d+)(?:-(\d+))?(?:\/(\w+))?$/.exec(word) ?? [];
    const protocol = kind.toUpperCase();
    if (first === undefined || Number(last) > 65535 || Number(last) < Number(first))
      throw new EngineError(`${word} is not a port`, 'write it as in 80, 53/udp or 7000-7005');
    if (protocol !== 'TCP' && protocol !== 'UDP') throw new EngineError(`${kind} is not tcp or udp`);
    for (let port = Number(first); port <= Number(last); port++) {
      if (keys.has(`${port}/${protocol}`)) continue;
      keys.add(`${port}/${protocol}`);
      ports.push({ port, protocol, description: null, experimentalSkipHealthcheck: false, isDeclared: true });
    }
  }
  return ports;
}

export function healthcheckOf(rest: string, flags: Flags): Record<string, unknown> {
  const [, kind = '', command = ''] = /^(\S+)\s*([\s\S]*)$/.exec(rest) ?? [];
  if (kind.toUpperCase() === 'NONE' && command === '') return { Test: ['NONE'] };
  if (kind.toUpperCase() !== 'CMD' || command === '') throw new EngineError('CMD with a command, or NONE, is required');
  const retries = flags.text('retries');
  if (retries !== undefined && !/^\d+$/.test(retries)) throw new EngineError(`--retries=${retries} is not a number`);
  const words = jsonWords(command);
  const times = {
    interval: 'interval',
    timeout: 'timeout',
    startPeriod: 'start-period',
    startInterval: 'start-interval',
  };
  const said = Object.entries(times).map(([name, flag]) => [name, flags.text(flag)] as const);
  return toHealthcheck({
    args: words ?? [command],
    shell: words === undefined,
    ...Object.fromEntries(said.filter(([, value]) => value !== undefined)),
    ...(retries === undefined ? {} : { retries: Number(retries) }),
  });
}
