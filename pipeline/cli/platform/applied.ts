// Whether Docker applied what docker-compose.yml asks for: the keys that a session only takes note of, a row for each
// that is asked for.
import type { SmokeRow } from '../../src/core/model.ts';
import type { ConfiguredService, Inspected } from './project.ts';

type Key = {
  name: string;
  /** As text, in the words of the file; undefined where it does not ask. */
  asked: (service: ConfiguredService) => string | undefined;
  applied: (container: Inspected) => string;
};

const list = (words: readonly string[] | null | undefined) => [...(words ?? [])].sort().join(' ');
const sorted = (options: Readonly<Record<string, string>>) =>
  list(Object.entries(options).map((pair) => pair.join('=')));
const limits = (service: ConfiguredService) => service.deploy?.resources?.limits;

const KEYS: readonly Key[] = [
  {
    name: 'read_only',
    asked: ({ read_only: asked }) => asked?.toString(),
    applied: ({ HostConfig }) => String(HostConfig.ReadonlyRootfs),
  },
  {
    name: 'cap_drop',
    asked: ({ cap_drop: asked }) => asked && list(asked),
    applied: ({ HostConfig }) => list(HostConfig.CapDrop),
  },
  {
    name: 'security_opt',
    asked: ({ security_opt: asked }) => asked && list(asked),
    applied: ({ HostConfig }) => list(HostConfig.SecurityOpt),
  },
  { name: 'restart', asked: ({ restart }) => restart, applied: ({ HostConfig }) => HostConfig.RestartPolicy.Name },
  {
    name: 'limit of processors',
    asked: (service) => limits(service)?.cpus?.toString(),
    applied: ({ HostConfig }) => String(HostConfig.NanoCpus / 1e9),
  },
  {
    name: 'limit of memory',
    asked: (service) => limits(service)?.memory,
    applied: ({ HostConfig }) => String(HostConfig.Memory),
  },
  {
    name: 'limit of processes',
    asked: (service) => limits(service)?.pids?.toString(),
    applied: ({ HostConfig }) => String(HostConfig.PidsLimit),
  },
  {
    name: 'tmpfs',
    asked: ({ tmpfs }) => tmpfs && list(tmpfs),
    applied: ({ HostConfig }) =>
      list(Object.entries(HostConfig.Tmpfs ?? {}).map(([path, options]) => (options ? `${path}:${options}` : path))),
  },
  {
    name: 'stop_grace_period',
    asked: ({ stop_grace_period: asked }) => asked,
    applied: ({ Config }) => `${Config.StopTimeout}s`,
  },
  {
    name: 'logging',
    asked: ({ logging }) => logging && `${logging.driver} ${sorted(logging.options ?? {})}`,
    applied: ({ HostConfig: { LogConfig } }) => `${LogConfig.Type} ${sorted(LogConfig.Config)}`,
  },
  {
    name: 'ports on the loopback address',
    asked: ({ ports }) =>
      ports && list(ports.map(({ target, host_ip: host }) => `${target}${isLoopback(host) ? ' (loopback)' : ''}`)),
    applied: ({ NetworkSettings: { Ports } }) =>
      list(Object.entries(Ports).flatMap(([port, at]) => published(port, at))),
  },
];

/** Of the services that run, by name. */
export function appliedRows(
  services: ReadonlyMap<string, ConfiguredService>,
  containers: ReadonlyMap<string, Inspected>,
): SmokeRow[] {
  return KEYS.flatMap(({ name, asked, applied }): SmokeRow[] => {
    const found = [...services].flatMap(([service, said]) => {
      const [container, wanted] = [containers.get(service), asked(said)];
      return container === undefined || wanted === undefined ? [] : [{ service, wanted, is: applied(container) }];
    });
    if (found.length === 0) return [];
    const wrong = found.filter(({ wanted, is }) => wanted !== is);
    const row = { name: `Docker applies: ${name}`, seconds: 0 };
    if (wrong.length > 0) {
      const detail = wrong.map(({ service, wanted, is }) => `${service}: ${is || 'nothing'}, not ${wanted}`).join('\n');
      return [{ ...row, status: 'failed', detail }];
    }
    return [{ ...row, status: 'passed', detail: found.map(({ service, is }) => `${service} ${is}`).join(', ') }];
  });
}

function isLoopback(host: string | undefined): boolean {
  return host === '127.0.0.1' || host === '::1';
}

/** Once for each port, whatever addresses it has; unpublished ones are listed without any. */
function published(port: string, at: readonly { HostIp: string }[] | null): string[] {
  if (at === null || at.length === 0) return [];
  return [`${port.replace('/tcp', '')}${at.every(({ HostIp }) => isLoopback(HostIp)) ? ' (loopback)' : ''}`];
}
