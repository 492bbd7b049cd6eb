// What all pods have in common: nobody in particular, a file system that cannot be written, no token of the cluster's API.

/** How long requests are accepted after SIGTERM: longer than it takes until no gateway and no balancer knows the pod's address any more. */
export const DRAIN_SECONDS = 10;
// Then as in compose.base.yaml: longer than a process needs to complete its requests.
const CLOSE_SECONDS = 30;
// Those of the image: Dockerfile.
const USER = 65532;
export const SECRETS = '/run/secrets';

/** By which everything of ours finds a pod; nobody else's has both. */
export const labels = (name) => ({ 'app.kubernetes.io/name': name, 'app.kubernetes.io/part-of': 'schema-first-server' });

export const manifest = (apiVersion, kind, name, rest) => ({ apiVersion, kind, metadata: { name, labels: labels(name) }, ...rest });

const restricted = { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } };

/** The specification of a pod with one container. */
export const pod = (container, { user = USER, volumes, ...rest }) => ({
  automountServiceAccountToken: false,
  // Variables such as TASKS_PORT, which are settings of ours.
  enableServiceLinks: false,
  securityContext: { runAsNonRoot: true, runAsUser: user, runAsGroup: user, fsGroup: user, seccompProfile: { type: 'RuntimeDefault' } },
  ...rest,
  containers: [{ ...container, securityContext: restricted }],
  volumes,
});

/** A container of the program. `secrets` are names of settings with their keys in the Secret: each is mounted as a file of its own. */
export const server = (args, secrets, { env = [], volumeMounts = [], ...rest }) => ({
  name: 'server',
  image: 'schema-first-server',
  args,
  env: [...Object.keys(secrets).map((name) => ({ name: `${name}_FILE`, value: `${SECRETS}/${name}` })), ...env],
  ...rest,
  volumeMounts: [{ name: 'secrets', mountPath: SECRETS, readOnly: true }, ...volumeMounts],
});

// Mode 0440.
export const secretVolume = (secrets) => ({
  name: 'secrets', secret: { secretName: 'server', defaultMode: 288, items: Object.entries(secrets).map(([path, key]) => ({ key, path })) } });

export const resources = (cpu, memory, most) => ({ requests: { cpu, memory }, limits: most });

const probe = (path, rest) => ({ httpGet: { path, port: 'http' }, ...rest });

/** Restarted on the first, routed by the second: docs/operations.md. */
export const probes = (live, ready) => ({
  startupProbe: probe(live, { periodSeconds: 1, timeoutSeconds: 3, failureThreshold: 60 }),
  livenessProbe: probe(live, { periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 3 }),
  readinessProbe: probe(ready, { periodSeconds: 5, timeoutSeconds: 5, failureThreshold: 2 }),
});

const spread = (name, topologyKey) => ({ maxSkew: 1, topologyKey, whenUnsatisfiable: 'ScheduleAnyway', labelSelector: { matchLabels: labels(name) } });

/** A Deployment; how many there are, its autoscaler decides. */
export const deployment = (name, annotations, container, rest) => manifest('apps/v1', 'Deployment', name, {
  spec: {
    selector: { matchLabels: labels(name) },
    // A new pod is ready before an old one goes: while migrations are missing, the old ones stay.
    strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
    revisionHistoryLimit: 3,
    template: {
      metadata: { labels: labels(name), ...(annotations && { annotations }) },
      spec: pod(container, {
        terminationGracePeriodSeconds: DRAIN_SECONDS + CLOSE_SECONDS,
        topologySpreadConstraints: [spread(name, 'kubernetes.io/hostname'), spread(name, 'topology.kubernetes.io/zone')],
        ...rest,
      }),
    },
  },
});

/** Without an address of its own: the name stands for those of all ready pods, and the gateway chooses. */
export const headless = (name, port) => manifest('v1', 'Service', name, {
  spec: { clusterIP: 'None', selector: labels(name), ports: [{ name: 'http', port, targetPort: 'http' }] } });

export const disruptionBudget = (name) => manifest('policy/v1', 'PodDisruptionBudget', name, {
  spec: { maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow', selector: { matchLabels: labels(name) } } });

/** `scale`: metrics of a pod, with the average at which another pod is started. */
export const autoscaler = (name, scale) => manifest('autoscaling/v2', 'HorizontalPodAutoscaler', name, {
  spec: {
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
    minReplicas: 2,
    maxReplicas: 4,
    metrics: [
      { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 70 } } },
      ...Object.entries(scale).map(([metric, most]) => (
        { type: 'Pods', pods: { metric: { name: metric }, target: { type: 'AverageValue', averageValue: String(most) } } })),
    ],
    behavior: { scaleDown: { stabilizationWindowSeconds: 300 } },
  },
});

const tcp = (port) => ({ protocol: 'TCP', port });
export const to = (port, ...peers) => ({ ...(peers.length && { to: peers }), ports: [tcp(port)] });
export const from = (port, ...peers) => ({ ...(peers.length && { from: peers }), ports: [tcp(port)] });
export const pods = (name) => ({ podSelector: { matchLabels: labels(name) } });

const DNS = { ports: [{ protocol: 'UDP', port: 53 }, tcp(53)] };
export const TRACES = to(4318);

/** Only what is listed may come and go; names are resolved in any case. */
export const networkPolicy = (name, ingress, egress) => manifest('networking.k8s.io/v1', 'NetworkPolicy', name, {
  spec: { podSelector: { matchLabels: labels(name) }, policyTypes: ['Ingress', 'Egress'], ingress, egress: [DNS, ...egress] } });
