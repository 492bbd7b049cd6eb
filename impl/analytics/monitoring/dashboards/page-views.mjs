// From a page view to its rollups.
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
          [rate('page_views_stored_total'), 'stored'], [rate('page_views_duplicate_total'), 'duplicate'],
          ['job:page_views_rejected:rate5m', 'rejected']] },
        { title: 'Excluded as bot traffic, by reason', unit: 'cps', queries: [['sum by (reason) (rate(page_views_excluded_total[5m]))', '{{reason}}']] },
        { title: 'Batch size', queries: quantiles('page_view_batch_size') },
        { title: 'Ingest queue: page views', queries: [['page_views_queued', '{{instance}}']] },
        { title: 'Ingest queue: memory', unit: 'bytes', queries: [['page_views_queued_bytes', '{{instance}}']] },
        { title: 'Ingest queue usage', unit: 'percentunit', thresholds: [[0.8, 'red']],
          queries: [['instance:page_views_queued:ratio', 'rows {{instance}}'], ['instance:page_views_queued_bytes:ratio', 'bytes {{instance}}']] },
        { title: 'Counted as (other)', unit: 'cps', queries: [[rate('page_views_other_total'), 'views']] },
        { title: 'Distinct paths (share of limit)', unit: 'percentunit', thresholds: [[0.8, 'red']],
          queries: [['analytics:page_view_paths:ratio', 'paths']] },
        { title: 'Unmerged rollup blocks', queries: [['max(page_view_rollups_unmerged)', 'blocks']] },
        { title: 'Age of oldest unmerged block', unit: 's', thresholds: [[120, 'red']],
          queries: [['analytics:page_view_rollups_oldest_unmerged_age_seconds:max', 'age']] },
        { title: 'Intervals with inconsistent rollups', kind: 'stat', thresholds: [[1, 'red']],
          queries: [['analytics:page_view_rollup_mismatched_intervals:max', 'intervals']] },
        { title: 'Page views checked', unit: 'cps', queries: [[rate('page_view_rollup_checked_views_total'), 'views']] },
        { title: 'Consistency checks in 10 minutes', queries: [['analytics:page_view_rollup_checks:increase10m', 'checks']] },
      ],
    },
  ],
};
