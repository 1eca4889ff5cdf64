// What a stage reads: what a capsule of it has to hold for it to run once more.
import type { PinName } from '../../pins.ts';
import type { StageName } from '../model.ts';
import { allPackages, type Subject } from '../subject.ts';

export type Needs = {
  /** npm packages: of which stages, since the repository says which they are. */
  packages: readonly StageName[];
  images: readonly PinName[];
  /** The archive of the service's image. */
  image: boolean;
  database: boolean;
  /** A recorded verdict. The gate has no container: findings and policy are its input. */
  verdict: boolean;
};

const NOTHING: Needs = { packages: [], images: [], image: false, database: false, verdict: false };

const NEEDS: Partial<Record<StageName, Needs>> = {
  install: { ...NOTHING, packages: ['install'], images: ['node'] },
  lint: { ...NOTHING, packages: ['lint'], images: ['node'] },
  test: { ...NOTHING, packages: ['test'], images: ['node'] },
  build: { ...NOTHING, packages: ['build'], images: ['node', 'runtime'] },
  sbom: { ...NOTHING, images: ['node', 'syft'], image: true },
  scan: { ...NOTHING, images: ['node', 'syft', 'trivy'], image: true, database: true },
  gate: { ...NOTHING, verdict: true },
  smoke: { ...NOTHING, images: ['node'], image: true },
};

/** Stages that can be run again from a file; the others speak with a registry, and what that answered is in their logs alone. */
export const CAPTURED = Object.keys(NEEDS) as StageName[];

export function isCaptured(name: string): name is StageName {
  return Object.hasOwn(NEEDS, name);
}

/** What smoke deploys beside the service, where the repository has a platform. */
const PLATFORM: readonly PinName[] = ['nginx', 'prometheus', 'alertmanager', 'grafana'];

/** Of all of these stages together. */
export function needsOf(stages: readonly StageName[], hasPlatform: boolean): Needs {
  const all = stages.flatMap((name) => NEEDS[name] ?? []);
  const platform = hasPlatform && stages.includes('smoke') ? PLATFORM : [];
  return {
    packages: [...new Set(all.flatMap(({ packages }) => packages))],
    images: [...new Set([...all.flatMap(({ images }) => images), ...platform])],
    image: all.some(({ image }) => image),
    database: all.some(({ database }) => database),
    verdict: all.some(({ verdict }) => verdict),
  };
}

/** Images of backing services that these stages start, each once. */
export function backingImages(stages: readonly StageName[], subject: Subject): string[] {
  const { service } = subject;
  const tested = stages.includes('test') ? allPackages(subject).filter(({ test }) => test !== null) : [];
  const users = [...tested, ...(stages.includes('smoke') ? [service] : [])];
  return [...new Set(users.flatMap(({ needs }) => needs.map(({ image }) => image)))];
}
