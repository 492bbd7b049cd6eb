// Panels of the overview about orders.
export default {
  uid: 'overview',
  rows: [
    {
      title: 'Status',
      panels: [
        { title: 'Products with stock mismatch', kind: 'stat', width: 4, thresholds: [[1, 'red']],
          queries: [['pipeline:stock_mismatched_products:max', 'products']] },
      ],
    },
    {
      title: 'Background jobs',
      panels: [
        { title: 'Age of oldest pending order', unit: 's', thresholds: [[30, 'red']],
          queries: [['pipeline:orders_pending_oldest_age_seconds:max', 'age']] },
        { title: 'Dead-letter queue', thresholds: [[1, 'red']], queries: [['pipeline:dead_letter_queue_messages:max', 'messages']] },
      ],
    },
  ],
};
