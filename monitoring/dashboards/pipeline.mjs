// From an accepted order to a reserved one, and from a page view to its counts.
const rate = (name) => `sum(rate(${name}[5m]))`;
const quantiles = (name) => [0.5, 0.95, 0.99].map((q) => [`histogram_quantile(${q}, sum by (le) (rate(${name}_bucket[5m])))`, `p${q * 100}`]);

export default {
  uid: 'pipeline',
  title: 'Pipeline',
  rows: [
    {
      title: 'Orders',
      panels: [
        { title: 'Orders accepted', unit: 'cps',
          queries: [['sum(rate(http_requests_total{job="shop",operation="create_order",status="201"}[5m]))', 'accepted']] },
        { title: 'Orders decided', unit: 'cps', queries: [['sum by (outcome) (rate(orders_decided_total[5m]))', '{{outcome}}']] },
        { title: 'From accepting to deciding', unit: 's', queries: quantiles('order_decision_seconds') },
        { title: 'Orders that wait', queries: [['max(orders_pending)', 'pending']] },
        { title: 'Oldest order that waits', unit: 's', thresholds: [[30, 'red']],
          queries: [['pipeline:orders_pending_oldest_seconds:max', 'age']] },
        { title: 'Workers', kind: 'stat', queries: [['job:up:sum{job="worker"}', 'workers']] },
      ],
    },
    {
      title: 'Messages',
      panels: [
        { title: 'Outbox: not handed to the stream', queries: [['max(outbox_unpublished)', 'messages']] },
        { title: 'Outbox: oldest message that is due', unit: 's', thresholds: [[15, 'red']],
          queries: [['pipeline:outbox_oldest_seconds:max', 'age']] },
        { title: 'Published, and again because they were lost', unit: 'cps',
          queries: [[rate('outbox_published_total'), 'published'], [rate('outbox_republished_total'), 'again']] },
        { title: 'Stream', queries: [['max(stream_unread)', 'unread'], ['max(stream_in_progress)', 'in progress']] },
        { title: 'Messages of a batch', queries: quantiles('message_batch_size') },
        { title: 'Time for a batch', unit: 's', queries: quantiles('message_batch_seconds') },
        { title: 'Failed attempts', unit: 'cps', queries: [[rate('message_failures_total'), 'failures']] },
        { title: 'Became dead letters', queries: [['sum(increase(messages_buried_total[15m]))', 'in 15 minutes']] },
        { title: 'Dead letters that wait for a decision', thresholds: [[1, 'red']],
          queries: [['pipeline:dead_letters_waiting:max', 'waiting']] },
      ],
    },
    {
      title: 'Stock and orders',
      panels: [
        { title: 'Products whose stock is not what their ledger says', kind: 'stat', thresholds: [[1, 'red']],
          queries: [['pipeline:stock_mismatched_products:max', 'products']] },
        { title: 'Orders that do not hold together', kind: 'stat', thresholds: [[1, 'red']],
          queries: [['pipeline:orders_inconsistent:max', 'orders']] },
        { title: 'Products compared with their ledger', unit: 'cps', queries: [[rate('stock_checked_products_total'), 'products']] },
        { title: 'Orders compared with what they hold', unit: 'cps', queries: [[rate('orders_checked_total'), 'orders']] },
        { title: 'Rounds of comparing in 10 minutes', queries: [['pipeline:stock_checks:increase10m', 'rounds']] },
      ],
    },
    {
      title: 'Page views',
      panels: [
        { title: 'Page views', unit: 'cps', queries: [
          [rate('page_views_stored_total'), 'stored'], [rate('page_views_repeated_total'), 'repeated'],
          ['job:page_views_refused:rate5m', 'refused']] },
        { title: 'Not counted, by kind of bot', unit: 'cps', queries: [['sum by (reason) (rate(page_views_not_counted_total[5m]))', '{{reason}}']] },
        { title: 'Rows stored at once', queries: quantiles('page_view_batch_size') },
        { title: 'Page views that wait', queries: [['page_views_waiting', '{{instance}}']] },
        { title: 'Memory of page views that wait', unit: 'bytes', queries: [['page_views_waiting_bytes', '{{instance}}']] },
        { title: 'Queue, of what may wait', unit: 'percentunit', thresholds: [[0.8, 'red']],
          queries: [['instance:page_views_waiting:ratio', 'rows {{instance}}'], ['instance:page_views_waiting_bytes:ratio', 'bytes {{instance}}']] },
        { title: 'Counted as (other)', unit: 'cps', queries: [[rate('page_views_other_total'), 'views']] },
        { title: 'Paths, of what may be told apart', unit: 'percentunit', thresholds: [[0.8, 'red']],
          queries: [['analytics:page_view_paths:ratio', 'paths']] },
        { title: 'Blocks of counts that wait to be merged', queries: [['max(page_view_rollups_unmerged)', 'blocks']] },
        { title: 'Oldest of these', unit: 's', thresholds: [[120, 'red']],
          queries: [['analytics:page_view_rollups_oldest_unmerged_seconds:max', 'age']] },
        { title: 'Spans whose counts are not what the rows add up to', kind: 'stat', thresholds: [[1, 'red']],
          queries: [['analytics:page_view_counts_mismatched_spans:max', 'spans']] },
        { title: 'Page views compared with their counts', unit: 'cps', queries: [[rate('page_view_counts_checked_total'), 'views']] },
        { title: 'Rounds of comparing them in 10 minutes', queries: [['analytics:page_view_count_checks:increase10m', 'rounds']] },
      ],
    },
    {
      title: 'Background',
      panels: [
        { title: 'Jobs that should have succeeded again', unit: 's', thresholds: [[120, 'red']],
          queries: [['job_task:background_job_overdue_seconds:max', '{{job}} {{task}}']] },
        { title: 'Failures', unit: 'cps', queries: [['sum by (job, task) (rate(background_job_failures_total[5m]))', '{{job}} {{task}}']] },
        { title: 'Time since the last success', unit: 's',
          queries: [['time() - min by (job, task) (background_job_last_success_timestamp_seconds)', '{{job}} {{task}}']] },
      ],
    },
  ],
};
