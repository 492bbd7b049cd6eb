// The whole system at a glance: whether it works, and where to look when it does not.
export default {
  uid: 'overview',
  title: 'Overview',
  rows: [
    {
      title: 'Now',
      panels: [
        { title: 'Alerts that fire', kind: 'stat', width: 4, thresholds: [[1, 'red']],
          queries: [['count(ALERTS{alertstate="firing"}) or vector(0)', 'alerts']] },
        { title: 'Instances', kind: 'stat', width: 8, description: 'Instances of each service that answer.',
          queries: [['job:up:sum', '{{job}}']] },
        { title: 'Postgres', kind: 'stat', width: 4, description: '1: every service reaches it.', queries: [['min(postgres_up)', 'up']] },
        { title: 'Redis', kind: 'stat', width: 4, description: '1: every service reaches it.',
          queries: [['min by (purpose) (redis_up)', '{{purpose}}']] },
        { title: 'Products with wrong stock', kind: 'stat', width: 4, thresholds: [[1, 'red']],
          queries: [['pipeline:stock_mismatched_products:max', 'products']] },
      ],
    },
    {
      title: 'Requests',
      panels: [
        { title: 'Requests', unit: 'reqps', queries: [['job:http_requests:rate5m', '{{job}}']] },
        { title: 'Failures', unit: 'percentunit', thresholds: [[0.02, 'red']], queries: [['job:http_request_errors:ratio5m', '{{job}}']] },
        { title: 'Time (p95)', unit: 's', thresholds: [[1, 'red']],
          queries: [['job:http_request_duration_seconds:p95_5m', '{{job}}']] },
        { title: 'Refusals by status', unit: 'reqps',
          queries: [['sum by (status) (rate(http_requests_total{status=~"4.."}[5m]))', '{{status}}']] },
        { title: 'Shed', unit: 'reqps', queries: [['job:http_requests_shed:rate5m', '{{job}}']] },
        { title: 'Operations closest to their deadline (p99)', unit: 'percentunit', thresholds: [[0.5, 'red']],
          queries: [['topk(5, job_operation:deadline_used:ratio5m)', '{{job}} {{operation}}']] },
      ],
    },
    {
      title: 'Work in the background',
      panels: [
        { title: 'Oldest order that waits', unit: 's', thresholds: [[30, 'red']],
          queries: [['pipeline:orders_pending_oldest_seconds:max', 'age']] },
        { title: 'Dead letters', thresholds: [[1, 'red']], queries: [['pipeline:dead_letters_waiting:max', 'waiting']] },
        { title: 'Page views that wait, of what may', unit: 'percentunit', thresholds: [[0.8, 'red']],
          queries: [['instance:page_views_waiting:ratio', 'rows {{instance}}'], ['instance:page_views_waiting_bytes:ratio', 'bytes {{instance}}']] },
      ],
    },
    {
      title: 'Servers',
      panels: [
        { title: 'Connections to Postgres, of what it allows', unit: 'percentunit', thresholds: [[0.85, 'red']],
          queries: [['postgres:connections:ratio', 'connections']] },
        { title: 'Time Postgres takes to answer', unit: 's', queries: [['max by (job) (postgres_probe_seconds)', '{{job}}']] },
        { title: 'Oldest transaction', unit: 's', thresholds: [[300, 'red']],
          queries: [['postgres:transaction_oldest_seconds:max', 'age']] },
        { title: 'Size of the database', unit: 'bytes', queries: [['max(postgres_database_bytes)', 'size']] },
        { title: 'Deadlocks', unit: 'cps', queries: [['max(rate(postgres_deadlocks_total[5m]))', 'deadlocks']] },
        { title: 'Time Redis takes to answer', unit: 's', queries: [['max by (purpose) (redis_probe_seconds)', '{{purpose}}']] },
        { title: 'Memory of Redis, of what it may use', unit: 'percentunit', thresholds: [[0.8, 'red']],
          queries: [['purpose:redis_memory_used:ratio', '{{purpose}}']] },
        { title: 'Keys Redis threw away', queries: [['purpose:redis_evicted_keys:increase15m', '{{purpose}}']] },
        { title: 'Connections to Redis', queries: [['max by (purpose) (redis_clients)', '{{purpose}}']] },
      ],
    },
    {
      title: 'Processes',
      panels: [
        { title: 'Processor', unit: 'percentunit', queries: [['instance:process_cpu_seconds:rate5m', '{{job}} {{instance}}']] },
        { title: 'Memory', unit: 'bytes', queries: [['process_resident_memory_bytes', '{{job}} {{instance}}']] },
        { title: 'Open files, of what may be', unit: 'percentunit', thresholds: [[0.8, 'red']],
          queries: [['instance:process_open_fds:ratio', '{{job}} {{instance}}']] },
        { title: 'Tasks that wait for a worker thread', queries: [['runtime_queued_tasks', '{{job}} {{instance}}']] },
        { title: 'Running for', unit: 's', queries: [['time() - process_start_time_seconds', '{{job}} {{instance}}']] },
        { title: 'Versions', kind: 'stat', queries: [['count by (job, version) (server_build_info)', '{{job}} {{version}}']] },
      ],
    },
  ],
};
