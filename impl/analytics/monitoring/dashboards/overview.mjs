// Panels of the overview about page views.
export default {
  uid: 'overview',
  rows: [
    {
      title: 'Background jobs',
      panels: [
        { title: 'Ingest queue usage', unit: 'percentunit', thresholds: [[0.8, 'red']],
          queries: [['instance:page_views_queued:ratio', 'rows {{instance}}'], ['instance:page_views_queued_bytes:ratio', 'bytes {{instance}}']] },
      ],
    },
  ],
};
