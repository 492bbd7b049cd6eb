// Media types: how a body of one is read and written.

const essence = (media) => media.split(';')[0].trim().toLowerCase();

/** json, rows, form, multipart, events, text, xml or bytes. */
export function classOf(media) {
  const type = essence(media);
  if (/^application\/(x-)?(ndjson|jsonl|json-seq|jsonlines)$|\/x-ndjson$/.test(type)) return 'rows';
  if (isJson(media)) return 'json';
  if (type === 'application/x-www-form-urlencoded') return 'form';
  if (type === 'multipart/form-data') return 'multipart';
  if (type === 'text/event-stream') return 'events';
  if (/[/+]xml$/.test(type)) return 'xml';
  if (type.startsWith('text/')) return 'text';
  return 'bytes';
}

/** Whether it is JSON, or a format that is written in it. */
export const isJson = (media) => /[/+]json$/.test(essence(media));

/** Whether it stands for many. */
export const isRange = (media) => essence(media).includes('*');

const NAMES = { json: 'Json', rows: 'Rows', form: 'Form', multipart: 'Multipart', events: 'Events', text: 'Text', xml: 'Xml', bytes: 'Bytes' };
/** What a variant of it is called. */
export const variantOf = (media) => NAMES[classOf(media)];
