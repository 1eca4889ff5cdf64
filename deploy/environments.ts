// The two places that it is deployed to, how they differ, and what is released there.
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

/** What of release.json a deployment says. */
export type Release = { image: { name: string; digest: string }; commit: string; built: string };

export const releaseFile = (name: EnvironmentName) => `deploy/overlays/${name}/release.json`;

/** Read a release record; whatever else it ties together stays in the registry, beside the image. */
export function parseRelease(text: string, where: string): Release {
  const { image, commit, built } = JSON.parse(text) as Partial<Release>;
  const faults = [
    /^[\w.:-]+(\/[\w.-]+)+$/.test(image?.name ?? '') ? '' : 'image.name',
    /^sha256:[0-9a-f]{64}$/.test(image?.digest ?? '') ? '' : 'image.digest',
    /^[0-9a-f]{40}$/.test(commit ?? '') ? '' : 'commit',
    Number.isNaN(Date.parse(built ?? '')) ? 'built' : '',
  ].filter((fault) => fault !== '');
  if (image === undefined || commit === undefined || built === undefined || faults.length > 0) {
    throw new PipelineError(
      'BAD_OPTION',
      `${where} has no sound ${faults.join(', ')}`,
      'name the release.json that cd wrote',
    );
  }
  return { image: { name: image.name, digest: image.digest }, commit, built };
}

export function overlay(name: EnvironmentName): RenderedFile[] {
  const { host, minReplicas, maxReplicas } = ENVIRONMENTS[name];
  const { image, commit, built } = parseRelease(read(releaseFile(name)), releaseFile(name));
  const env = { APP_COMMIT: commit, APP_BUILT: built, APP_DIGEST: image.digest };
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
        patches: [{ path: 'patches.yaml' }],
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
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'app' },
        spec: {
          template: {
            spec: {
              containers: [{ name: 'app', env: Object.entries(env).map(([key, value]) => ({ name: key, value })) }],
            },
          },
        },
      },
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
