// A dashboard for each service, with panels for each operation that hold its deadline and its rate limits.
import { DEADLINE_MS } from './defaults.mjs';
import { line, operationsIn, streamsEvents } from './published.mjs';

/** The queries for each operation of a document. */
export function operationsOf(document) {
  return operationsIn(document).map((one) => {
    const { operation } = one;
    const limits = [operation['x-rate-limit'] ?? []].flat();
    return {
      id: one.name,
      tag: line(operation.tags?.[0]) || 'operations',
      name: `${one.method.toUpperCase()} ${one.path}`,
      summary: line(operation.summary),
      deadline: (operation['x-deadline-ms'] ?? DEADLINE_MS) / 1000,
      limits: limits.map((limit) => ({ ...limit, window: limit['window-seconds'] })),
      events: streamsEvents(one),
    };
  });
}

const inWords = ({ class: name, amount, window, by, 'max-delay-seconds': delay }) =>
  `${name}: ${amount} requests per ${window} s by ${by.replace('-', ' and ')}${delay ? `, then delays of up to ${delay} s` : ''}`;

function operationPanels(service, operation) {
  const of = `job="${service}",operation="${operation.id}"`;
  const quantile = (q) => [
    `histogram_quantile(${q}, sum by (le) (rate(http_server_request_duration_seconds_bucket{${of}}[5m])))`, `p${q * 100}`];
  const limits = operation.limits.map(inWords);
  const description = [
    operation.summary,
    `Deadline: ${operation.deadline} s${operation.events ? ', to first byte' : ''}.`,
    ...limits.map((limit) => `Rate limit ${limit}.`),
  ].filter(Boolean).join('\n\n');
  const panels = [
    {
      title: `${operation.name}: request rate (${operation.id})`,
      unit: 'reqps',
      width: 12,
      description,
      queries: [[`sum by (status) (rate(http_server_requests_total{${of}}[5m]))`, '{{status}}']],
      // The rate limit of a single client.
      thresholds: operation.limits.map(({ amount, window }) => [amount / window, 'orange']),
    },
    {
      title: `${operation.name}: latency (deadline ${operation.deadline} s)`,
      unit: 's',
      width: 12,
      description,
      queries: [0.5, 0.95, 0.99].map(quantile),
      thresholds: [[operation.deadline, 'red']],
    },
  ];
  if (limits.length) {
    panels.push({
      title: `${operation.name}: rejected by rate limit (${limits.join('; ')})`,
      unit: 'reqps',
      width: 24,
      description,
      queries: [[`sum by (class) (rate(rate_limit_requests_rejected_total{${of}}[5m]))`, '{{class}}']],
    });
  }
  return panels;
}

function servicePanels(service) {
  const of = `job="${service}"`;
  const clients = `${of},operation!~"health|ready|metrics"`;
  return [
    { title: 'Request rate by status', unit: 'reqps', queries: [[`sum by (http_response_status_code) (rate(http_server_requests_total{${clients}}[5m]))`, '{{http_response_status_code}}']] },
    { title: 'Error rate (5xx)', unit: 'percentunit', thresholds: [[0.02, 'red']], queries: [[`job:http_server_request_errors:ratio5m{${of}}`, '5xx']] },
    {
      title: 'Latency (time to first byte)',
      unit: 's',
      queries: [0.5, 0.95, 0.99].map((q) => [
        `histogram_quantile(${q}, sum by (le) (rate(http_server_request_duration_seconds_bucket{${clients}}[5m])))`, `p${q * 100}`]),
    },
    { title: 'Latency as share of deadline (p99)', unit: 'percentunit', thresholds: [[0.5, 'red']],
      queries: [[`topk(10, job_operation:deadline_used:ratio5m{${of}})`, '{{operation}}']] },
    { title: 'Concurrent requests (share of limit)', unit: 'percentunit', thresholds: [[0.8, 'red']],
      queries: [[`instance:http_server_active_requests:ratio{${of}}`, '{{instance}}']] },
    { title: 'Requests shed or closed by clients', unit: 'reqps', queries: [
      [`job:http_server_requests_shed:rate5m{${of}}`, 'shed'], [`sum(rate(http_server_requests_client_closed_total{${of}}[5m]))`, 'client closed']] },
    { title: 'Database connections in use', queries: [
      [`sum by (instance, db_client_connection_pool_name) (db_client_connections{${of},db_client_connection_state="used"})`, '{{db_client_connection_pool_name}} {{instance}}']] },
    { title: 'Requests waiting for a connection', queries: [
      [`sum by (instance, db_client_connection_pool_name) (db_client_connection_pending_requests{${of}})`, '{{db_client_connection_pool_name}} {{instance}}']] },
    { title: 'Open client connections', queries: [[`http_server_open_connections{${of}}`, '{{instance}}']] },
    { title: 'Responses that break the document (of those checked)', unit: 'reqps', queries: [[`job_operation:response_contract_violations:rate5m{${of}}`, '{{operation}}']] },
    { title: 'Rejected by client shares and budgets', unit: 'reqps', queries: [
      [`sum by (resource, kind) (rate(client_requests_rejected_total{${of}}[5m]))`, '{{resource}} {{kind}}']] },
    { title: 'Buffered bodies (share of limit)', unit: 'percentunit', thresholds: [[0.8, 'red']], queries: [
      [`http_server_buffered_bytes{${of}} / http_server_buffered_limit_bytes{${of}}`, '{{instance}}']] },
    { title: 'Open event streams', queries: [[`http_server_open_event_streams{${of}}`, '{{instance}}']] },
    { title: 'CPU usage', unit: 'percentunit', queries: [[`instance:process_cpu_seconds:rate5m{${of}}`, '{{instance}}']] },
    { title: 'Resident memory', unit: 'bytes', queries: [[`process_resident_memory_bytes{${of}}`, '{{instance}}']] },
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
      { title: 'Service', panels: servicePanels(service) },
      ...tags.map((tag) => ({
        title: `Operations: ${tag}`,
        collapsed: true,
        panels: operations.filter((operation) => operation.tag === tag).flatMap((one) => operationPanels(service, one)),
      })),
    ],
  };
}
