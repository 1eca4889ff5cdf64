// The service and nginx before it, with what keeps them up, reachable and shut in.
import { SERVICE } from '../pipeline/src/core/service.ts';
import { USUAL } from '../pipeline/src/core/subject-file.ts';
import { type Resource, selectorOf } from './resource.ts';
import { composeService, probesOf, type Source } from './sources.ts';

/** How long the cluster takes to send no more requests to a pod that is told to end. */
const DRAIN_SECONDS = 5;
/** CoreDNS is called so in nearly every cluster; nginx asks it by name at its start. */
const NAME_SERVER = 'kube-dns.kube-system.svc';
/** What nearly every cluster calls itself. */
const CLUSTER_DOMAIN = 'cluster.local';
/** Where NodeLocal DNSCache listens, at each node: no pod's address. */
const NODE_LOCAL_DNS = '169.254.20.10/32';

const labels = (name: string) => ({ ...selectorOf(name), 'app.kubernetes.io/part-of': 'drydock' });

type Workload = {
  source: Source;
  uid: number;
  /** What is set aside for a pod; its limits are those of docker-compose.yml. */
  requests: { cpu: string; memory: string };
  ports: { name: string; containerPort: number }[];
  env: { name: string; value?: string; valueFrom?: object }[];
  probes: Record<string, object>;
  mounts: { name: string; mountPath: string; readOnly?: boolean }[];
  volumes: { name: string; [kind: string]: unknown }[];
};

function deployment({ source, uid, requests, ports, env, probes, mounts, volumes }: Workload): Resource {
  const { name, image, limits, graceSeconds } = source;
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, labels: labels(name) },
    spec: {
      replicas: 2,
      selector: { matchLabels: selectorOf(name) },
      // A new pod is well before an old one ends.
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: { labels: labels(name) },
        spec: {
          serviceAccountName: name,
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          terminationGracePeriodSeconds: graceSeconds + DRAIN_SECONDS,
          securityContext: {
            runAsNonRoot: true,
            runAsUser: uid,
            runAsGroup: uid,
            fsGroup: uid,
            seccompProfile: { type: 'RuntimeDefault' },
          },
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: 'kubernetes.io/hostname',
              whenUnsatisfiable: 'ScheduleAnyway',
              labelSelector: { matchLabels: selectorOf(name) },
            },
          ],
          containers: [
            {
              name,
              image,
              imagePullPolicy: 'IfNotPresent',
              ports,
              env,
              // Logs, and nothing else: what a pod writes is in memory.
              resources: {
                requests: { ...requests, 'ephemeral-storage': '64Mi' },
                limits: { ...limits, 'ephemeral-storage': '256Mi' },
              },
              ...probes,
              lifecycle: { preStop: { sleep: { seconds: DRAIN_SECONDS } } },
              securityContext: {
                allowPrivilegeEscalation: false,
                readOnlyRootFilesystem: true,
                capabilities: { drop: ['ALL'] },
              },
              ...(mounts.length === 0 ? {} : { volumeMounts: mounts }),
            },
          ],
          ...(volumes.length === 0 ? {} : { volumes }),
        },
      },
    },
  };
}

function service(name: string, port: number): Resource {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    // The ServiceMonitor makes `job` of this name: rules and dashboards ask for job="app".
    metadata: { name, labels: labels(name) },
    spec: { selector: selectorOf(name), ports: [{ name: 'http', port, targetPort: 'http' }] },
  };
}

const serviceAccount = (name: string): Resource => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name, labels: labels(name) },
  automountServiceAccountToken: false,
});

const disruptionBudget = (name: string): Resource => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: { name, labels: labels(name) },
  spec: { maxUnavailable: 1, selector: { matchLabels: selectorOf(name) } },
});

export function app(): Resource[] {
  const source = composeService('app');
  const { PORT = '', LOG_LEVEL = '' } = source.environment;
  const workload = deployment({
    source,
    uid: Number(SERVICE.user.split(':')[0]),
    requests: { cpu: '250m', memory: '128Mi' },
    ports: [{ name: 'http', containerPort: Number(PORT) }],
    // What is deployed, and since when, is said by an overlay's release.
    env: [
      { name: 'PORT', value: PORT },
      { name: 'LOG_LEVEL', value: LOG_LEVEL },
    ],
    probes: probesOf(source, 'http', { ready: USUAL.health, alive: '/version' }),
    mounts: [],
    volumes: [],
  });
  const autoscaler: Resource = {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'app', labels: labels('app') },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'app' },
      minReplicas: 2,
      maxReplicas: 6,
      // Of what is requested: half a processor, of the one that an event loop can use.
      metrics: [
        { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 200 } } },
      ],
    },
  };
  return [
    serviceAccount('app'),
    withoutReplicas(workload),
    service('app', Number(PORT)),
    autoscaler,
    disruptionBudget('app'),
  ];
}

/** Where an autoscaler counts, a number in the manifest would undo its work at each deployment. */
function withoutReplicas(workload: Resource): Resource {
  const { replicas: _replicas, ...spec } = workload.spec as Record<string, unknown>;
  return { ...workload, spec };
}

export function nginx(): Resource[] {
  const source = composeService('nginx');
  const writable = source.tmpfs.map((path, index) => ({ name: `tmp-${index}`, path }));
  const workload = deployment({
    source,
    // The user of nginx's unprivileged image.
    uid: 101,
    requests: { cpu: '50m', memory: '32Mi' },
    ports: [
      { name: 'http', containerPort: 8080 },
      { name: 'health', containerPort: 8081 },
    ],
    env: [
      { name: 'NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
      { name: 'CLUSTER_DOMAIN', value: CLUSTER_DOMAIN },
      { name: 'NGINX_ENVSUBST_FILTER', value: source.environment.NGINX_ENVSUBST_FILTER ?? '' },
      { name: 'NGINX_RESOLVER', value: `${NAME_SERVER}.$(CLUSTER_DOMAIN)` },
      ...['NGINX_TRUSTED_PROXIES', 'NGINX_STREAM_PATHS'].map((name) => ({
        name,
        value: source.environment[name] ?? '',
      })),
      { name: 'NGINX_UPSTREAM', value: 'app.$(NAMESPACE).svc.$(CLUSTER_DOMAIN)' },
    ],
    probes: probesOf(source, 'health', { ready: '/health', alive: '/health' }),
    mounts: [
      { name: 'templates', mountPath: '/etc/nginx/templates', readOnly: true },
      ...writable.map(({ name, path }) => ({ name, mountPath: path })),
    ],
    volumes: [
      { name: 'templates', configMap: { name: 'nginx-templates' } },
      ...writable.map(({ name }) => ({ name, emptyDir: { medium: 'Memory', sizeLimit: '16Mi' } })),
    ],
  });
  return [serviceAccount('nginx'), workload, service('nginx', 8080), disruptionBudget('nginx')];
}

export function ingress(host: string): Resource {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name: 'nginx', labels: labels('nginx') },
    spec: {
      ingressClassName: 'nginx',
      tls: [{ hosts: [host], secretName: 'tls' }],
      rules: [
        {
          host,
          http: {
            paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 'nginx', port: { name: 'http' } } } }],
          },
        },
      ],
    },
  };
}

const namespaced = (name: string) => ({ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } } });
const pods = (name: string) => ({ podSelector: { matchLabels: selectorOf(name) } });
const tcp = (port: string | number) => ({ protocol: 'TCP', port });

/** Nothing goes anywhere but where it says so here. */
export function networkPolicies(): Resource[] {
  const policy = (name: string, spec: object): Resource => ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name },
    spec,
  });
  return [
    policy('default-deny', { podSelector: {}, policyTypes: ['Ingress', 'Egress'] }),
    policy('app', {
      ...pods('app'),
      policyTypes: ['Ingress'],
      ingress: [{ from: [pods('nginx'), namespaced('monitoring')], ports: [tcp('http')] }],
    }),
    policy('nginx', {
      ...pods('nginx'),
      policyTypes: ['Ingress', 'Egress'],
      ingress: [{ from: [namespaced('ingress-nginx')], ports: [tcp('http')] }],
      egress: [
        { to: [pods('app')], ports: [tcp('http')] },
        {
          to: [namespaced('kube-system'), { ipBlock: { cidr: NODE_LOCAL_DNS } }],
          ports: [tcp(53), { protocol: 'UDP', port: 53 }],
        },
      ],
    }),
  ];
}
