// Panels of the overview about mail.
export default {
  uid: 'overview',
  rows: [
    {
      title: 'Background jobs',
      panels: [
        { title: 'Age of oldest unsent mail', unit: 's', thresholds: [[300, 'red']],
          queries: [['mail:mails_oldest_pending_seconds:max', 'age']] },
        { title: 'Unsent mails', queries: [['max(mails_pending)', 'mails']] },
        { title: 'Mails by outcome', unit: 'cps', queries: [['sum by (outcome) (rate(mail_outcomes_total[5m]))', '{{outcome}}']] },
        { title: 'Mails rejected or expired in an hour', thresholds: [[10, 'red']], queries: [['mail:mails_given_up:increase1h', 'mails']] },
      ],
    },
  ],
};
