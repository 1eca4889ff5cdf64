// Ports of a service, short (`127.0.0.1:8080:80/tcp`) or long (`{ target: 80, published: 8080 }`).
import { isIP } from 'node:net';
import { isMap, isSeq, type Node } from 'yaml';
import type { Fields } from '../yaml.ts';
import type { Port } from './model.ts';
import { type Fail, scalarsOf, shaped } from './reading.ts';
import { castWhole, either, fields, list, scalarOf, strictWhole, text, whole, wordOf } from './shapes.ts';

const LONG = fields({
  name: text,
  mode: text,
  host_ip: text,
  target: whole,
  published: either(strictWhole, text),
  protocol: wordOf('tcp', 'udp', 'sctp'),
  app_protocol: text,
});

export function readPorts(service: Fields, fail: Fail): Port[] {
  if (!shaped('ports', list(either(strictWhole, text, LONG)), service, fail)) return [];
  const node = service.nodeOf('ports');
  const items = isSeq(node) ? (node.items as Node[]) : [];
  const found = items.flatMap((item) => {
    const ports = isMap(item) ? longPort(scalarsOf(item)) : shortPorts(String(scalarOf(item)));
    if (ports !== undefined) return ports;
    fail(
      item,
      `${service.pathOf('ports')} cannot be ${isMap(item) ? String(item) : JSON.stringify(String(scalarOf(item)))}; write HOST:CONTAINER, each from 1 to 65535`,
    );
    return [];
  });
  const known = found.map((port) => JSON.stringify(port));
  if (new Set(known).size < known.length) service.fault('ports', 'has a port twice');
  return found;
}

const PROTOCOLS = ['tcp', 'udp', 'sctp'];

/** Undefined for what is no port. A range is as many ports. */
function shortPorts(written: string): Port[] | undefined {
  const [, address, published, target, protocol = 'tcp'] =
    /^(?:(?:(\[[\da-fA-F:]+\]|\d+\.\d+\.\d+\.\d+):)?(\d+(?:-\d+)?|(?<=:)):)?(\d+(?:-\d+)?)(?:\/(\w+))?$/.exec(
      written,
    ) ?? [];
  const targets = rangeOf(target);
  const wanted = publishedOf(published, targets?.length ?? 0);
  const host = address?.replace(/^\[|\]$/g, '') ?? null;
  if (targets === undefined || wanted === undefined || !PROTOCOLS.includes(protocol) || !isAddress(host))
    return undefined;
  return targets.map((port, at) => ({ host, published: wanted[at] ?? null, target: port, protocol }));
}

/** None for any that is free: where nothing is said, 0, or a range for one port. */
function publishedOf(text: string | undefined, count: number): number[] | undefined {
  if (text === undefined || text === '' || text === '0') return [];
  const ports = rangeOf(text);
  return count === 1 && ports !== undefined && ports.length > 1 ? [] : ports?.length === count ? ports : undefined;
}

const isAddress = (host: string | null) => host === null || isIP(host) !== 0;

function rangeOf(text: string | undefined): number[] | undefined {
  const [first = Number.NaN, last = first] = (text ?? '').split('-').map(Number);
  if (!isPort(first) || !isPort(last) || last < first) return undefined;
  return Array.from({ length: last - first + 1 }, (_, at) => first + at);
}

const isPort = (port: number) => Number.isInteger(port) && port >= 1 && port <= 65_535;

function longPort({ target, published, host_ip, protocol }: Record<string, unknown>): Port[] | undefined {
  const [to, host] = [castWhole(target), host_ip === undefined ? null : String(host_ip)];
  if (to === undefined || !isPort(to) || published === '' || !isAddress(host)) return undefined;
  const [from, ...more] = publishedOf(published === undefined ? undefined : String(published), 1) ?? [Number.NaN];
  if (Number.isNaN(from) || more.length > 0) return undefined;
  return [{ host, published: from ?? null, target: to, protocol: String(protocol ?? 'tcp') }];
}
