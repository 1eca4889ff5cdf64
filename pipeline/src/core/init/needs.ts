// What a compose file says of databases and the like that a service needs, as far as drydock knows their images.
import { parse } from 'yaml';
import { knownImage } from '../backing.ts';
import { recordOf } from '../record.ts';
import { isPlatform } from '../smoke/alone.ts';
import type { Text } from './facts.ts';

export type FoundNeeds = {
  env: Record<string, string>;
  needs: Record<string, { image: string; env?: Record<string, string> }>;
};

const NONE: FoundNeeds = { env: {}, needs: {} };

/** Services by their images, and of the variables of all others those that name one of them as a host. */
export function needsIn(compose: Text | null): FoundNeeds {
  // Where smoke deploys the file, its services are there already.
  if (isPlatform(compose?.text ?? null)) return NONE;
  const services = Object.entries(recordOf(recordOf(parsed(compose?.text ?? '')).services)).map(
    ([name, value]) => [name, recordOf(value)] as const,
  );
  const needs = services.flatMap(([name, { image, environment }]) => {
    const known = typeof image === 'string' && !image.includes('$') ? knownImage(image) : undefined;
    const env = variablesOf(environment);
    const lacks = known?.wants !== undefined && !known.wants.some((wanted) => Object.hasOwn(env, wanted));
    if (known === undefined || lacks || !/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/.test(name)) return [];
    return [[name, { image: String(image), ...(Object.keys(env).length === 0 ? {} : { env }) }] as const];
  });
  if (needs.length === 0) return NONE;
  const names = needs.map(([name]) => name);
  const isAt = new RegExp(`(?:^|//|@)(?:${names.join('|')})(?=[:/?]|$)`);
  const others = services.filter(([name]) => !names.includes(name));
  const told = others.flatMap(([, { environment }]) => Object.entries(variablesOf(environment)));
  return { needs: Object.fromEntries(needs), env: Object.fromEntries(told.filter(([, value]) => isAt.test(value))) };
}

function parsed(text: string): unknown {
  try {
    return parse(text, { maxAliasCount: 0 });
  } catch {
    return null; // what is wrong with it, the run that reads it says
  }
}

/** Of a mapping or a list; a value of which a part is nowhere but in somebody's environment is none. */
function variablesOf(environment: unknown): Record<string, string> {
  const pairs = Array.isArray(environment)
    ? environment.map((line) => /^([^=]+)=(.*)$/s.exec(String(line))?.slice(1) ?? [])
    : Object.entries(recordOf(environment));
  return Object.fromEntries(
    pairs
      .map(([name, value]) => [String(name), String(value ?? '').replace(/\$\{\w+:?-([^}]*)\}/g, '$1')] as const)
      .filter(([name, value]) => /^[A-Za-z_]\w*$/.test(name) && value !== '' && !value.includes('$')),
  );
}
