// What of forms of several parts, and of parameters with a media type, cannot be served.
import { child, isObject } from '../compile/document.mjs';
import { formFaults } from '../compile/forms.mjs';
import { kindsOf } from '../compile/kinds.mjs';
import { classOf, isJson } from '../compile/media.mjs';
import { Shapes } from '../compile/shapes.mjs';
import { LEAVE } from './report.mjs';

/** Reports to `report` (report.mjs) what is wrong with the forms of these operations. */
export function checkForms(document, operations, report) {
  const shapes = new Shapes(document);
  for (const { place } of operations) {
    const body = document.resolve(child(place, 'requestBody'));
    for (const media of Object.keys(isObject(body.node?.content) ? body.node.content : {}).filter((one) => classOf(one) === 'multipart')) {
      const at = child(body, 'content', media);
      const schema = child(at, 'schema');
      if (schema.node === undefined) continue;
      for (const { name, why } of formFaults(shapes.of(schema, 'Form'), at, { document, models: shapes.models })) report.refuse(`#${at.pointer}`, `\`${name}\``, why, LEAVE);
    }
  }
}

/** Reports a parameter that a media type other than JSON spells, where that has to be taken apart. */
export function checkContent(document, place, report) {
  for (const media of Object.keys(isObject(place.node?.content) ? place.node.content : {})) {
    const kinds = kindsOf(document, child(place, 'content', media, 'schema'));
    if (!isJson(media) && !kinds.has('string') && ['array', 'object'].some((kind) => kinds.has(kind))) {
      report.refuse(`#${place.pointer}/content`, `the media type \`${media}\``, 'arrays and objects in parameters are read as JSON, or in a `style`', LEAVE);
    }
  }
}
