// A dashboard for each service, with panels for each operation that hold its deadline and its rate limits.
import { DEADLINE_MS } from './defaults.mjs';

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];

/** The queries for each operation of a document. */
export function operationsOf(document) {
  return Object.entries(document.paths).flatMap(([path, item]) => METHODS.filter((method) => method in item).map((method) => {
    const operation = item[method];
    const limits = [operation['x-rate-limit'] ?? []].flat();
    return {
      id: operation.operationId,
      tag: operation.tags[0],
      name: `${method.toUpperCase()} ${path}`,
      summary: operation.summary,
      deadline: (operation['x-deadline-ms'] ?? DEADLINE_MS) / 1000,
      limits: limits.map((limit) => ({ ...limit, window: limit['window-seconds'] })),
      events: Object.values(operation.responses).some((response) => response.content?.['text/event-stream']),
    };
  }));
}

const inWords = ({ class: name, amount, window, by, 'max-delay-seconds': delay }) =>
  `${name}: ${amount} in ${window} s for each ${by.replace('-', ' and ')}${delay ? `, then delays of up to ${delay} s` : ''}`;

function operationPanels(service, operation) {
  const of = `job="${service}",operation="${operation.id}"`;
  const quantile = (q) => [
    `histogram_quantile(${q}, sum by (le) (rate(http_request_duration_seconds_bucket{${of}}[5m])))`, `p${q * 100}`];
  const limits = operation.limits.map(inWords);
  const description = [
    operation.summary,
    `Deadline: ${operation.deadline} s${operation.events ? ', to the head of the answer' : ''}.`,
    ...limits.map((limit) => `Rate limit ${limit}.`),
  ].filter(Boolean).join('\n\n');
  const panels = [
    {
      title: `${operation.name}: requests (${operation.id})`,
      unit: 'reqps',
      width: 12,
      description,
      queries: [[`sum by (status) (rate(http_requests_total{${of}}[5m]))`, '{{status}}']],
      // The rate limit of a single client.
      thresholds: operation.limits.map(({ amount, window }) => [amount / window, 'orange']),
    },
    {
      title: `${operation.name}: time, of ${operation.deadline} s`,
      unit: 's',
      width: 12,
      description,
      queries: [0.5, 0.95, 0.99].map(quantile),
      thresholds: [[operation.deadline, 'red']],
    },
  ];
  if (limits.length) {
    panels.push({
      title: `${operation.name}: refused by rate limit (${limits.join('; ')})`,
      unit: 'reqps',
      width: 24,
      description,
      queries: [[`sum by (class) (rate(rate_limited_total{${of}}[5m]))`, '{{class}}']],
    });
  }
  return panels;
}

function servicePanels(service) {
  const of = `job="${service}"`;
  const clients = `${of},operation!~"health|ready|metrics"`;
  return [
    { title: 'Requests by status', unit: 'reqps', queries: [[`sum by (status) (rate(http_requests_total{${clients}}[5m]))`, '{{status}}']] },
    { title: 'Failures', unit: 'percentunit', thresholds: [[0.02, 'red']], queries: [[`job:http_request_errors:ratio5m{${of}}`, '5xx']] },
    {
      title: 'Time to the head of the answer',
      unit: 's',
      queries: [0.5, 0.95, 0.99].map((q) => [
        `histogram_quantile(${q}, sum by (le) (rate(http_request_duration_seconds_bucket{${clients}}[5m])))`, `p${q * 100}`]),
    },
    { title: 'Share of its deadline each operation uses (p99)', unit: 'percentunit', thresholds: [[0.5, 'red']],
      queries: [[`topk(10, job_operation:deadline_used:ratio5m{${of}})`, '{{operation}}']] },
    { title: 'Requests in flight, of what it may', unit: 'percentunit', thresholds: [[0.8, 'red']],
      queries: [[`instance:http_requests_in_flight:ratio{${of}}`, '{{instance}}']] },
    { title: 'Requests shed, and left by their clients', unit: 'reqps', queries: [
      [`job:http_requests_shed:rate5m{${of}}`, 'shed'], [`sum(rate(http_requests_abandoned_total{${of}}[5m]))`, 'abandoned']] },
    { title: 'Connections to Postgres in use', queries: [
      [`sum by (instance, pool) (database_connections{${of},state="busy"})`, '{{pool}} {{instance}}']] },
    { title: 'Requests that wait for a connection', queries: [
      [`sum by (instance, pool) (database_waiting{${of}})`, '{{pool}} {{instance}}']] },
    { title: 'Open connections of clients', queries: [[`http_connections_open{${of}}`, '{{instance}}']] },
    { title: 'Refused for their share or budget', unit: 'reqps', queries: [
      [`sum by (resource, kind) (rate(client_refusals_total{${of}}[5m]))`, '{{resource}} {{kind}}']] },
    { title: 'Answers not read yet, of what may be', unit: 'percentunit', thresholds: [[0.8, 'red']], queries: [
      [`http_unsent_bytes{${of}} / http_unsent_bytes_limit{${of}}`, '{{instance}}']] },
    { title: 'Event streams', queries: [[`http_event_streams_open{${of}}`, '{{instance}}']] },
    { title: 'Processor', unit: 'percentunit', queries: [[`instance:process_cpu_seconds:rate5m{${of}}`, '{{instance}}']] },
    { title: 'Memory', unit: 'bytes', queries: [[`process_resident_memory_bytes{${of}}`, '{{instance}}']] },
    { title: 'Version', kind: 'stat', queries: [[`count by (version) (server_build_info{${of}})`, '{{version}}']] },
  ];
}

/** The dashboard of a service, as `dashboard` takes it. */
export function serviceDashboard(service, operations) {
  const tags = [...new Set(operations.map(({ tag }) => tag))];
  return {
    uid: `service-${service}`,
    title: `Service: ${service}`,
    rows: [
      { title: 'The service', panels: servicePanels(service) },
      ...tags.map((tag) => ({
        title: `Operations: ${tag}`,
        collapsed: true,
        panels: operations.filter((operation) => operation.tag === tag).flatMap((one) => operationPanels(service, one)),
      })),
    ],
  };
}
