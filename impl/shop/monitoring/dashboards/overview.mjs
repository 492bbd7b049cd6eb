// What the overview shows of orders.
export default {
  uid: 'overview',
  rows: [
    {
      title: 'Now',
      panels: [
        { title: 'Products with wrong stock', kind: 'stat', width: 4, thresholds: [[1, 'red']],
          queries: [['pipeline:stock_mismatched_products:max', 'products']] },
      ],
    },
    {
      title: 'Work in the background',
      panels: [
        { title: 'Oldest order that waits', unit: 's', thresholds: [[30, 'red']],
          queries: [['pipeline:orders_pending_oldest_seconds:max', 'age']] },
        { title: 'Dead letters', thresholds: [[1, 'red']], queries: [['pipeline:dead_letters_waiting:max', 'waiting']] },
      ],
    },
  ],
};
