// The two places that it is deployed to, how they differ, and what is released there.
import { stringify } from 'yaml';
import { parseReleaseFile, type Release } from '../pipeline/src/core/delivery/release.ts';
import { PipelineError } from '../pipeline/src/core/errors.ts';
import { type RenderedFile, yamlFile } from './resource.ts';
import { read } from './sources.ts';
import { ingress } from './workloads.ts';

export const ENVIRONMENTS = {
  staging: { host: 'staging.drydock.example', minReplicas: 1, maxReplicas: 2 },
  production: { host: 'drydock.example', minReplicas: 3, maxReplicas: 10 },
} as const;

export type EnvironmentName = keyof typeof ENVIRONMENTS;
export const isEnvironment = (name: string): name is EnvironmentName => Object.hasOwn(ENVIRONMENTS, name);

export const releaseFile = (name: EnvironmentName) => `deploy/overlays/${name}/release.json`;

/** A release record that a cluster can be given. Throws for one that it can't. */
export function readRelease(text: string, where: string): Release {
  const release = parseReleaseFile(text, where);
  const { image, source, built, rehearsal } = release;
  const faults = [
    /^[\w.:-]+(\/[\w.-]+)+$/.test(image.name ?? '') ? '' : 'image.name',
    /^sha256:[0-9a-f]{64}$/.test(image.digest) ? '' : 'image.digest',
    /^[0-9a-f]{40}$/.test(source?.commit ?? '') ? '' : 'source.commit',
    Number.isNaN(Date.parse(built ?? '')) ? 'built' : '',
  ].filter((fault) => fault !== '');
  const hint = 'name the release.json of a cd that was no rehearsal';
  if (faults.length > 0) throw new PipelineError('BAD_RELEASE', `${where} has no sound ${faults.join(', ')}`, hint);
  if (rehearsal) throw new PipelineError('BAD_RELEASE', `${where} is of a rehearsal, which no cluster can pull`, hint);
  return release;
}

export function overlay(name: EnvironmentName): RenderedFile[] {
  const { host, minReplicas, maxReplicas } = ENVIRONMENTS[name];
  const { image, source, built } = readRelease(read(releaseFile(name)), releaseFile(name));
  const env = { APP_COMMIT: source.commit ?? '', APP_BUILT: built, APP_DIGEST: image.digest };
  const namespace = `drydock-${name}`;
  return [
    yamlFile(`overlays/${name}/kustomization.yaml`, [
      {
        apiVersion: 'kustomize.config.k8s.io/v1beta1',
        kind: 'Kustomization',
        namespace,
        resources: ['namespace.yaml', '../../base'],
        // By digest, from release.json: what was scanned and signed is what runs.
        images: [{ name: 'app', newName: image.name, digest: image.digest }],
        // Inline, as a scanner takes a file with a part of a Deployment for one that lacks all the rest.
        patches: [{ patch: stringify(releasedApp(env)) }, { path: 'patches.yaml' }],
      },
    ]),
    yamlFile(`overlays/${name}/namespace.yaml`, [
      {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: namespace, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
      },
    ]),
    yamlFile(`overlays/${name}/patches.yaml`, [
      {
        apiVersion: 'autoscaling/v2',
        kind: 'HorizontalPodAutoscaler',
        metadata: { name: 'app' },
        spec: { minReplicas, maxReplicas },
      },
      { ...ingress(host), metadata: { name: 'nginx' } },
    ]),
  ];
}

/** The Deployment's part that says what is released. */
const releasedApp = (env: Readonly<Record<string, string>>) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'app' },
  spec: {
    template: {
      spec: {
        containers: [{ name: 'app', env: Object.entries(env).map(([name, value]) => ({ name, value })) }],
      },
    },
  },
});
