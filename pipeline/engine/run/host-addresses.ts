// All addresses that lead to this machine, as the kernel knows them: those of an interface without a member, as Docker's bridge is while no container
// runs, too, which Node does not list, and whole networks that somebody made local.
import { existsSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';

const ROUTES = '/proc/net/fib_trie';

/** In the form 192.0.2.1/32. */
export const hostAddresses = (): string[] =>
  existsSync(ROUTES) ? localIn(readFileSync(ROUTES, 'latin1')) : listed().map((address) => `${address}/32`);

/** Of the tables of routes the one of what is local; others may say so of all there is, for what somebody marked. */
export function localIn(tables: string): string[] {
  const [, local = ''] = tables.split(/^Local:$/m);
  const [own = ''] = local.split(/^\S/m);
  const found = own.split('|-- ').flatMap((entry) => {
    const [address, ...routes] = entry.split('\n');
    return routes.flatMap((route) => {
      const [, length] = /^\s*(\/\d+) host LOCAL\b/.exec(route) ?? [];
      return length === undefined ? [] : `${address}${length}`;
    });
  });
  return [...new Set(found)].sort();
}

const listed = (): string[] =>
  Object.values(networkInterfaces())
    .flat()
    .flatMap((entry) => (entry?.family === 'IPv4' ? [entry.address] : []));
