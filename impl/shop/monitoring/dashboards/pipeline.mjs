// From an accepted order to a reserved one.
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
  ],
};
