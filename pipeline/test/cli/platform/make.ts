// A container as `docker inspect` tells it, with dull defaults.
import type { Inspected } from '../../../cli/platform/project.ts';

type Changes = { [K in 'Config' | 'State' | 'HostConfig' | 'NetworkSettings']?: Partial<Inspected[K]> } & {
  RestartCount?: number;
};

export function container({ Config, State, HostConfig, NetworkSettings, RestartCount = 0 }: Changes): Inspected {
  return {
    Id: 'c1',
    Image: 'sha256:1',
    Path: 'node',
    RestartCount,
    Config: { Labels: {}, ...Config },
    State: { Status: 'running', ExitCode: 0, Pid: 1, StartedAt: '2026-01-01T00:00:00.000Z', ...State },
    HostConfig: {
      ReadonlyRootfs: false,
      CapDrop: null,
      SecurityOpt: null,
      RestartPolicy: { Name: 'no' },
      LogConfig: { Type: 'json-file', Config: {} },
      NanoCpus: 0,
      Memory: 0,
      PidsLimit: null,
      ...HostConfig,
    },
    NetworkSettings: { Ports: {}, Networks: {}, ...NetworkSettings },
  };
}
