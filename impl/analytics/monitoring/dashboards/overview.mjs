// What the overview shows of page views.
export default {
  uid: 'overview',
  rows: [
    {
      title: 'Work in the background',
      panels: [
        { title: 'Page views that wait, of what may', unit: 'percentunit', thresholds: [[0.8, 'red']],
          queries: [['instance:page_views_waiting:ratio', 'rows {{instance}}'], ['instance:page_views_waiting_bytes:ratio', 'bytes {{instance}}']] },
      ],
    },
  ],
};
