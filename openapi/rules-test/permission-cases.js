// Cases of the rule `permissions`, as those in cases.js.
const list = (doc) => doc.paths['/things'].get;
const create = (doc) => doc.paths['/things'].post;
const put = (doc) => doc.paths['/things/{thing_id}'].put;
const move = (doc) => doc.paths['/things/{thing_id}'].patch;
const moving = (doc) => move(doc)['x-permission'];
const integer = { type: 'integer', format: 'int64', minimum: 0, maximum: 9 };

module.exports = [
  ['`x-permission` is missing', (doc) => { delete create(doc)['x-permission']; }],
  ['`x-permission` has on, each, allow', (doc) => { create(doc)['x-permission'] = { allowed: ['user'] }; }],
  ['`on` one object or about `each`', (doc) => { moving(doc).each = 'thing'; }],
  ['about `shelf`, which is not in `x-relations`', (doc) => { moving(doc).on = 'shelf'; }],
  ['the path has no `{box_id}`', (doc) => { moving(doc).on = 'box'; }],
  ['a list of relations', (doc) => { moving(doc).allow = []; }],
  ['names `writer` in `allow`, which is none of anyone, user, superuser, owner, reader', (doc) => { moving(doc).allow.push('writer'); }],
  ['names `owner` in `production`', (doc) => { put(doc)['x-permission'].production = ['owner']; }],
  ['names `writer` in `forbid`', (doc) => { moving(doc).forbid.writer = 'thing_locked'; }],
  ['allows and forbids `reader`', (doc) => { delete moving(doc).fields.box_id.by; }],
  ['needs `thing_locked` in `x-codes`', (doc) => { move(doc)['x-codes'] = ['box_not_found', 'wrong_password']; }],
  ['needs `box_not_found` in `x-codes`', (doc) => { move(doc)['x-codes'] = ['thing_locked']; }],
  ['`security` requires the scope user', (doc) => { move(doc).security = [{ oauth2: ['superuser'] }]; }],
  ['`security` requires the scope superuser', (doc) => { create(doc)['x-permission'] = 'superuser'; }],
  ['`security` requires no token', (doc) => { create(doc)['x-permission'] = 'anyone'; }],
  ['what is required of the object that `box_id` names', (doc) => { delete moving(doc).fields; }],
  ['what is required of the object that `box_id` names', (doc) => { delete list(doc)['x-permission'].fields; }],
  ['what is required of the object that `box_id` names', (doc) => { create(doc).parameters = [{ name: 'box_id', in: 'query', schema: integer }]; }],
  ['has `shelf_id` in `fields`, which the operation does not have', (doc) => { moving(doc).fields.shelf_id = 'unchecked'; }],
  ['has `box_id` as unchecked, as', (doc) => { moving(doc).fields.box_id = { on: 'shelf', allow: ['owner'] }; }],
  ['as a filter and nothing else', (doc) => { moving(doc).fields.box_id = { filter: 'box' }; }],
  ['has `box_id` with on, allow, by, clear', (doc) => { moving(doc).fields.box_id.only = ['owner']; }],
  ['names `reader` in `fields.box_id.allow`', (doc) => { moving(doc).fields.box_id.allow.push('reader'); }],
  ['names `writer` in `fields.box_id.by`', (doc) => { moving(doc).fields.box_id.by.push('writer'); }],
  ['with `by`, which is about the object', (doc) => { create(doc)['x-permission'] = { allow: ['user'], fields: { box_id: moving(doc).fields.box_id } }; create(doc).parameters = [{ name: 'box_id', in: 'query', schema: integer }]; }],
  ['is a table of kinds', (doc) => { doc['x-relations'] = ['thing']; }],
  ['kinds are in snake_case', (doc) => { doc['x-relations'].Shelf = {}; }],
  ['with `missing` and `relations`', (doc) => { doc['x-relations'].thing.found = 'x'; }],
  ['the code of a 404', (doc) => { doc['x-relations'].thing.missing = 'thing_locked'; }],
  ['has the relation `user`', (doc) => { doc['x-relations'].thing.relations.user = 'anybody'; }],
  ['in words within a sentence', (doc) => { doc['x-relations'].thing.relations.owner = 'Its owner.'; }],
].map((one) => ['permissions', ...one]);
