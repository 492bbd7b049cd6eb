// The gateway: nginx's own image with the template of gateway/, as in compose.base.yaml.
import { readFileSync } from 'node:fs';
import { upstream } from '../upstreams.mjs';
import {
  autoscaler, deployment, disruptionBudget, DRAIN_SECONDS, from, manifest, labels, networkPolicy, pods, probes, resources, to, TRACES,
} from './workload.mjs';

const PORT = 8080;
const read = (path) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
// Of the one container that has it.
const [, image] = read('compose.base.yaml').match(/^ {4}image: (nginxinc\/\S+)$/m);
// Those that are written by hand, as gateway/kustomization.yaml lists them.
const TEMPLATE = 'nginx.conf.template';
const files = [...read('gateway/kustomization.yaml').matchAll(/^ {6}- (\S+)$/gm)].map(([, file]) => file).filter((file) => file !== TEMPLATE);

/** Settings that an overlay may change; gateway/README.md explains them. */
export const settingsOfGateway = [
  'NGINX_ENVSUBST_FILTER=^GATEWAY_',
  'NGINX_ENVSUBST_OUTPUT_DIR=/etc/nginx',
  // What is mounted there hides the image's link to its modules.
  'GATEWAY_MODULES=load_module /usr/lib/nginx/modules/ngx_http_js_module.so;',
  'GATEWAY_USER=',
  // As many as it may use cores; `auto` would count those of the machine.
  'GATEWAY_WORKERS=2',
  'GATEWAY_TEMP=/tmp',
  'GATEWAY_LOG=/dev/stdout',
  'GATEWAY_REAL_IP=',
  'GATEWAY_INTERNAL_NETWORKS=',
  `GATEWAY_LISTEN=${PORT}`,
  'GATEWAY_TLS=',
  'GATEWAY_HSTS=',
  'GATEWAY_CORS_ORIGINS=',
  'GATEWAY_OTLP=',
  'GATEWAY_TRACES_RATIO=1',
  // Names of a cluster live for five seconds; together that is less than a process waits for.
  'GATEWAY_RESOLVER=resolver kube-dns.kube-system.svc.cluster.local valid=2s ipv6=off;',
];

// nginx resolves whole names only. The kubelet fills in the namespace, which this base does not know.
const host = (name) => `${name}.$(NAMESPACE).svc.cluster.local`;

export function gateway(services) {
  const container = {
    name: 'nginx',
    image,
    envFrom: [{ configMapRef: { name: 'gateway' } }],
    env: [
      { name: 'NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
      { name: 'GATEWAY_UPSTREAMS', value: services.map((one) => upstream(one, host(one.name))).map((line) => `${line}\n`).join('') },
    ],
    ports: [{ name: 'http', containerPort: PORT }],
    ...probes('/health', '/health'),
    // nginx stops listening as soon as it is told to end.
    lifecycle: { preStop: { exec: { command: ['sleep', String(DRAIN_SECONDS)] } } },
    resources: resources('250m', '64Mi', { cpu: '2', memory: '256Mi' }),
    volumeMounts: [
      { name: 'configuration', mountPath: '/etc/nginx' },
      { name: 'files', mountPath: `/etc/nginx/templates/${TEMPLATE}`, subPath: TEMPLATE, readOnly: true },
      ...files.map((file) => ({ name: 'files', mountPath: `/etc/nginx/${file}`, subPath: file, readOnly: true })),
      { name: 'routes', mountPath: '/etc/nginx/generated', readOnly: true },
      { name: 'tmp', mountPath: '/tmp' },
    ],
  };
  const volumes = [
    { name: 'configuration', emptyDir: { sizeLimit: '16Mi' } },
    { name: 'files', configMap: { name: 'gateway-files' } },
    { name: 'routes', configMap: { name: 'gateway-routes' } },
    { name: 'tmp', emptyDir: { sizeLimit: '256Mi' } },
  ];
  return [
    // The user of the image.
    deployment('gateway', undefined, container, { user: 101, volumes }),
    manifest('v1', 'Service', 'gateway', { spec: { selector: labels('gateway'), ports: [{ name: 'http', port: PORT, targetPort: 'http' }] } }),
    disruptionBudget('gateway'),
    autoscaler('gateway', {}),
    networkPolicy('gateway', [from(PORT)], [...services.map(({ name, port }) => to(port, pods(name))), TRACES]),
  ];
}
