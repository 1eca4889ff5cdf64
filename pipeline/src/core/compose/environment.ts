// The variables of a service, and the files that bring more of them.
import { isMap, isSeq, type Node } from 'yaml';
import type { Fields } from '../yaml.ts';
import type { ComposeService } from './model.ts';
import { entriesOf, type Fail, insideOf, OUTSIDE, scalarsOf, shaped } from './reading.ts';
import { castFlag, cell, either, fields, list, mapping, scalarOf, strictFlag, text, texts } from './shapes.ts';
import type { Variables } from './variables.ts';

/** A variable that has no value has that of Compose's own environment; one that is not there either is not set. */
export function readEnvironment(
  service: Fields,
  variables: Variables,
  fail: Fail,
): { environment: Record<string, string>; unset: string[] } {
  const environment: Record<string, string> = {};
  const unset: string[] = [];
  if (!shaped('environment', either(texts, mapping(cell)), service, fail)) return { environment, unset };
  for (const [name, value] of pairsOf(service.nodeOf('environment'))) {
    const found = value ?? (Object.hasOwn(variables, name) ? variables[name] : undefined);
    delete environment[name];
    if (name === '') service.fault('environment', 'has a value without a name; write NAME=VALUE');
    else if (found === undefined) unset.push(name);
    else environment[name] = found;
  }
  return { environment, unset };
}

function pairsOf(node: Node | undefined): [name: string, value: string | null][] {
  if (!isSeq(node)) return entriesOf(node).map(([name, , value]) => [name, written(scalarOf(value))]);
  return (node.items as Node[]).map((item) => {
    const [, name = '', value] = /^([^=]*)(?:=(.*))?$/s.exec(String(scalarOf(item))) ?? [];
    return [name, value ?? null];
  });
}

/** A number or a flag is a text here, as it is for the program that reads it. */
const written = (value: unknown) => (value === null || value === undefined ? null : String(value));

const FILE = fields({ path: text, required: strictFlag });

export function readEnvFiles(service: Fields, fail: Fail): ComposeService['envFiles'] {
  if (!shaped('env_file', either(text, list(either(text, FILE))), service, fail)) return [];
  const node = service.nodeOf('env_file');
  return (isSeq(node) ? (node.items as Node[]) : [node]).flatMap((item) => {
    const { path = '', required = true } = isMap(item)
      ? (scalarsOf(item) as { path?: string; required?: boolean })
      : { path: String(scalarOf(item)) };
    const inside = insideOf(path);
    if (inside !== undefined) return [{ path: inside, isRequired: castFlag(required) !== false }];
    fail(item, `${service.pathOf('env_file')} cannot be ${JSON.stringify(path)}: ${OUTSIDE}`);
    return [];
  });
}
