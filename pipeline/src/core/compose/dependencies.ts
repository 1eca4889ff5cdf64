// Which service waits for which, and until when. That all of them can be waited for is checked once all are read.
import { isMap } from 'yaml';
import type { Fields } from '../yaml.ts';
import type { ComposeService, Condition } from './model.ts';
import { type Fail, finish, shaped } from './reading.ts';
import { castFlag, either, fields, mapping, scalarOf, strictFlag, texts, wordOf } from './shapes.ts';

const CONDITIONS: readonly Condition[] = ['service_started', 'service_healthy', 'service_completed_successfully'];
const LONG = mapping(fields({ condition: wordOf(...CONDITIONS), restart: strictFlag, required: strictFlag }));

export type Dependencies = { conditions: Record<string, Condition>; optional: string[]; restarts: boolean };

export function readDependencies(service: Fields, fail: Fail): Dependencies {
  const found: Dependencies = { conditions: {}, optional: [], restarts: false };
  if (!shaped('depends_on', either(texts, LONG), service, fail)) return found;
  if (!isMap(service.nodeOf('depends_on'))) {
    for (const name of service.texts('depends_on')) found.conditions[name] = 'service_started';
    return found;
  }
  const all = service.mapping('depends_on');
  for (const name of all?.names() ?? []) {
    const one = all?.mapping(name);
    if (!one?.has('condition')) all?.fault(name, 'has no condition');
    found.conditions[name] = one?.oneOf('condition', CONDITIONS, 'service_started') ?? 'service_started';
    if (castFlag(scalarOf(one?.nodeOf('required'))) === false) found.optional.push(name);
    if (castFlag(scalarOf(one?.nodeOf('restart'))) === true) found.restarts = true;
    if (one !== undefined) finish(one);
  }
  return found;
}

export function checkDependencies(
  all: Fields,
  services: readonly ComposeService[],
  profiled: ReadonlySet<string>,
): void {
  for (const { name, dependsOn } of services) {
    for (const [needed, condition] of Object.entries(dependsOn)) {
      const other = services.find((service) => service.name === needed);
      if (other === undefined)
        all.fault(
          name,
          profiled.has(needed)
            ? `depends on ${needed}, which has a profile and is not deployed`
            : `depends on ${needed}, which is not there`,
        );
      else if (condition === 'service_healthy' && other.healthcheck === null)
        all.fault(name, `waits for ${needed} to be healthy, but the healthcheck of ${needed} is off`);
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
