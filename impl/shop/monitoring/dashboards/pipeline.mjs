// From a created order to its reservation.
const rate = (name) => `sum(rate(${name}[5m]))`;
const quantiles = (name) => [0.5, 0.95, 0.99].map((q) => [`histogram_quantile(${q}, sum by (le) (rate(${name}_bucket[5m])))`, `p${q * 100}`]);

export default {
  uid: 'pipeline',
  title: 'Order processing',
  rows: [
    {
      title: 'Orders',
      panels: [
        { title: 'Orders created', unit: 'cps',
          queries: [['sum(rate(http_server_requests_total{job="shop",operation="create_order",http_response_status_code="201"}[5m]))', 'created']] },
        { title: 'Orders processed', unit: 'cps', queries: [['sum by (outcome) (rate(orders_processed_total[5m]))', '{{outcome}}']] },
        { title: 'Processing time', unit: 's', queries: quantiles('order_processing_duration_seconds') },
        { title: 'Pending orders', queries: [['max(orders_pending)', 'pending']] },
        { title: 'Age of oldest pending order', unit: 's', thresholds: [[30, 'red']],
          queries: [['pipeline:orders_pending_oldest_age_seconds:max', 'age']] },
        { title: 'Workers', kind: 'stat', queries: [['job:up:sum{job="worker"}', 'workers']] },
      ],
    },
    {
      title: 'Messages',
      panels: [
        { title: 'Outbox: unpublished messages', queries: [['max(outbox_unpublished_messages)', 'messages']] },
        { title: 'Outbox: age of oldest due message', unit: 's', thresholds: [[15, 'red']],
          queries: [['pipeline:outbox_oldest_message_age_seconds:max', 'age']] },
        { title: 'Published and republished messages', unit: 'cps',
          queries: [[rate('outbox_messages_published_total'), 'published'], [rate('outbox_messages_republished_total'), 'republished']] },
        { title: 'Stream lag and pending messages', queries: [['max(stream_lag_messages)', 'lag'], ['max(stream_pending_messages)', 'pending']] },
        { title: 'Batch size', queries: quantiles('message_batch_size') },
        { title: 'Batch duration', unit: 's', queries: quantiles('message_batch_duration_seconds') },
        { title: 'Failed attempts to process a message', unit: 'cps', queries: [[rate('message_processing_failures_total'), 'failures']] },
        { title: 'Messages dead-lettered', queries: [['sum(increase(messages_dead_lettered_total[15m]))', 'in 15 minutes']] },
        { title: 'Dead-letter queue', thresholds: [[1, 'red']],
          queries: [['pipeline:dead_letter_queue_messages:max', 'messages']] },
      ],
    },
    {
      title: 'Consistency',
      panels: [
        { title: 'Products with stock mismatch', kind: 'stat', thresholds: [[1, 'red']],
          queries: [['pipeline:stock_mismatched_products:max', 'products']] },
        { title: 'Inconsistent orders', kind: 'stat', thresholds: [[1, 'red']],
          queries: [['pipeline:orders_inconsistent:max', 'orders']] },
        { title: 'Products checked', unit: 'cps', queries: [[rate('stock_checked_products_total'), 'products']] },
        { title: 'Orders checked', unit: 'cps', queries: [[rate('orders_checked_total'), 'orders']] },
        { title: 'Consistency checks in 10 minutes', queries: [['pipeline:stock_checks:increase10m', 'checks']] },
      ],
    },
  ],
};
