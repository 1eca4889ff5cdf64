// Which networks a service is on. A session has one, so that what divides services is taken note of, and what is found by more than a
// service's name is refused.
import { isMap, isSeq, type Node } from 'yaml';
import type { Fields } from '../yaml.ts';
import { type Fail, finish, shaped } from './reading.ts';
import { either, flag, mapping, strictWhole, text, texts, whole } from './shapes.ts';

const ATTACHED = {
  priority: whole,
  driver_opts: mapping(either(text, strictWhole)),
};
const ADDRESSES = ['ipv4_address', 'ipv6_address', 'link_local_ips', 'mac_address'] as const;

/** Names of networks; `default` where the service names none. */
export function readNetworks(service: string, fields: Fields, declared: readonly string[], fail: Fail): string[] {
  const node = fields.nodeOf('networks');
  if (node === undefined) return ['default'];
  const names = isSeq(node) ? fields.texts('networks') : (fields.mapping('networks')?.names() ?? []);
  if (isSeq(node)) shaped('networks', texts, fields, fail);
  for (const name of names)
    if (name !== 'default' && !declared.includes(name))
      fields.fault('networks', `names ${name}, which is not declared`);
  if (isMap(node)) for (const name of names) readAttached(service, fields.mapping('networks')?.mapping(name), fail);
  return names.length === 0 ? ['default'] : names;
}

function readAttached(service: string, attached: Fields | undefined, fail: Fail): void {
  if (attached === undefined) return;
  for (const [key, shape] of Object.entries(ATTACHED)) shaped(key, shape, attached, fail);
  for (const key of ADDRESSES)
    if (attached.has(key))
      attached.fault(key, 'cannot be carried out; leave it out: services are found by their names');
  const others = attached.texts('aliases').filter((alias) => alias !== service);
  if (others.length > 0)
    attached.fault('aliases', `cannot be carried out; ask for ${service} instead of ${others.join(', ')}`);
  finish(attached);
}

/** Whether a service cannot be reached by another, as the file has it. */
export function areDivided(networks: readonly (readonly string[])[]): boolean {
  return networks.some((one) => networks.some((other) => !one.some((name) => other.includes(name))));
}

export const isInternal = (node: Node | undefined): boolean =>
  isMap(node) && flag(node.get('internal', true) as Node).length === 0 && String(node.get('internal')) !== 'false';
