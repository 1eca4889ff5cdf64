// A machine on which all is well, so that a row of a test shows only what is wrong with it.
import type { Facts, Features, Folder, Probe } from '../../../cli/doctor/facts.ts';

export const probe: Probe = {
  step: null,
  network: null,
  programs: 'crun version 1.21, its own',
  holes: [{ found: 'crun 1.21: no hole known as of 2026-11-28', reachable: [] }],
  notIsolated: null,
  unlimited: [],
  packages: { debian: ['http://debian.example/debian/'], npm: ['https://npm.example/'] },
  store: '/cache/store',
  images: 0,
};

export const features: Features = { hasOverlay: true, hasSeccomp: true, userNamespaces: 15_000, forbiddenBy: [] };

export const NOW = Date.parse('2026-06-01T12:00:00Z');

export const place = (url: string, answers = true, serverMs: number | null = NOW) => ({ url, answers, serverMs });
export const DEBIAN = probe.packages.debian[0] ?? '';
export const NPM = probe.packages.npm[0] ?? '';

export const folder = (path: string, freeBytes: number, over: Partial<Folder> = {}): Folder => ({
  ...{ path, freeBytes, totalBytes: 100e9, isWritable: true, ...over },
});

export function facts(over: Partial<Facts> = {}): Facts {
  return {
    kernel: '6.1.0',
    nodeVersion: '24.1.0',
    user: 'ada',
    isRoot: true,
    isNamed: true,
    isOffline: false,
    engines: [{ kind: 'embedded', why: 'no container runtime answers' }],
    trial: null,
    programs: 'crun version 1.21, its own',
    ids: null,
    features,
    probe,
    images: [
      { name: 'node', fault: null },
      { name: 'runtime', fault: null },
    ],
    packages: [place(NPM), place(DEBIAN)],
    proxies: [],
    nodeUsesProxy: false,
    certificates: [],
    credentials: { file: '/home/ada/.docker/config.json', registries: [] },
    secrets: [],
    npmVariables: [],
    folders: { cache: folder('/cache', 50e9), results: folder('/out', 60e9) },
    nowMs: NOW,
    git: { commit: '0123456789abcdef', committedMs: NOW - 1000, changes: 0, isShallow: false },
    ...over,
  };
}
