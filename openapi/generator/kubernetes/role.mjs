// A service or a background role: `server NAME` with everything around it.
import { rolesSecrets } from './secrets.mjs';
import {
  autoscaler, deployment, disruptionBudget, DRAIN_SECONDS, from, headless, networkPolicy, pods, probes, resources, secretVolume, server, to, TRACES,
} from './workload.mjs';

const PROMETHEUS = { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } };
// As WEBHOOK_TARGETS=public has it.
const PUBLIC = { ipBlock: { cidr: '0.0.0.0/0', except: ['10.0.0.0/8', '100.64.0.0/10', '169.254.0.0/16', '172.16.0.0/12', '192.168.0.0/16'] } };

/** The manifests of a process: `serves` whether it has operations, `sends` whether it has webhooks or callbacks, `mails` whether it
    sends mail. */
export function role({ name, port, service, serves, sends, mails, scale }) {
  const secrets = rolesSecrets(name);
  // Without it every client of the gateway would count as one: a pod without this setting does not start.
  const proxies = { name: 'TRUSTED_PROXIES', valueFrom: { configMapKeyRef: { name: 'server', key: 'TRUSTED_PROXIES' } } };
  // Nobody sends requests to a background role.
  const drain = { name: 'SHUTDOWN_DRAIN_MS', value: String(serves ? DRAIN_SECONDS * 1000 : 0) };
  const container = server([name], secrets, {
    envFrom: [{ configMapRef: { name: 'server' } }, { configMapRef: { name: service } }],
    env: [drain, ...(serves ? [proxies] : [])],
    ports: [{ name: 'http', containerPort: port }],
    ...probes('/health', '/health/ready'),
    resources: resources('500m', '128Mi', { cpu: '2', memory: '512Mi' }),
    volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
  });
  const scraped = { 'prometheus.io/scrape': 'true', 'prometheus.io/port': String(port), 'prometheus.io/path': '/metrics' };
  // As in compose.base.yaml: large files of forms while they are received.
  const volumes = [secretVolume(secrets), { name: 'tmp', emptyDir: { sizeLimit: '256Mi' } }];
  return [
    deployment(name, scraped, container, { volumes }),
    ...(serves ? [headless(name, port)] : []),
    disruptionBudget(name),
    autoscaler(name, scale),
    networkPolicy(name, [from(port, ...(serves ? [pods('gateway')] : []), PROMETHEUS)],
      [to(5432), to(6379), TRACES, ...(sends ? [to(443, PUBLIC)] : []), ...(mails ? [to(465), to(587)] : [])]),
  ];
}
