// From a page view to its counts.
const rate = (name) => `sum(rate(${name}[5m]))`;
const quantiles = (name) => [0.5, 0.95, 0.99].map((q) => [`histogram_quantile(${q}, sum by (le) (rate(${name}_bucket[5m])))`, `p${q * 100}`]);

export default {
  uid: 'page-views',
  title: 'Page views',
  rows: [
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
  ],
};
