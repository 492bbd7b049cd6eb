// Compiles a bundled document to Rust, for the templates to print: types, decoders and routes are text in `x-` extensions of a document that
// has nothing else, so that openapi-generator neither interprets nor rewrites anything of the author's.
//
//   node prepare.mjs BUNDLED.json COMMON.json > PREPARED.json
//
// COMMON is the bundled common document: its models are generated once, and used by the others.
import { readFileSync } from 'node:fs';
import { Document } from './compile/document.mjs';
import { parse } from './compile/exact.mjs';
import { Models, boxesOf, reachedFrom } from './compile/models.mjs';
import { operationData, operationsOf, sentBy } from './compile/operations.mjs';
import { outgoingData, outgoingOf } from './compile/outgoing.mjs';
import { Render } from './compile/render.mjs';
import { Names, camel, docLine, isReserved, snake, typeNames } from './compile/rust.mjs';
import { schemesOf, verification } from './compile/security.mjs';
import { Shapes } from './compile/shapes.mjs';

const [bundled, commonFile] = process.argv.slice(2);
const root = parse(readFileSync(bundled, 'utf8'));
const common = bundled === commonFile ? undefined : compile(parse(readFileSync(commonFile, 'utf8')));
process.stdout.write(JSON.stringify(prepared(compile(root)), null, 1));

function compile(node) {
  const document = new Document(node);
  const shapes = new Shapes(document);
  const render = new Render(document);
  const schemes = schemesOf(document);
  const operations = operationsOf(document, { shapes, render, schemes });
  const outgoing = outgoingOf(document, { shapes, render, schemes });
  render.boxed = boxesOf(shapes.models);
  return { document, shapes, render, schemes, operations, outgoing };
}

function prepared({ document, shapes, render, schemes, operations, outgoing }) {
  const sent = reachedFrom(shapes.models, operations.flatMap((one) => sentBy(one, shapes.models)));
  const answered = reachedFrom(shapes.models, [...operations.flatMap(({ responses }) => responses.shapes), ...outgoing.flatMap((one) => sentBy(one, shapes.models))]);
  const used = new Set([...sent, ...answered]);
  const isShared = (name) => common && document.isOurs && common.shapes.models.has(name)
    && JSON.stringify(document.root.components.schemas[name]) === JSON.stringify(common.document.root.components.schemas[name]);
  const own = new Map([...shapes.models].filter(([name]) => used.has(name) && !isShared(name)));
  const models = new Models({ document, models: own, render, sent, answered });
  const tags = tagsOf(operations);
  const named = operations.flatMap(({ requirements }) => requirements.alternatives.flat());
  const joined = operations.some(({ requirements }) => requirements.alternatives.some((all) => all.length > 1));
  const verified = verification(document, schemes, { schemes: new Set(named.map(({ scheme }) => scheme.name)), isJoined: joined });
  return {
    openapi: '3.0.3',
    info: { title: docLine(document.root.info.title).replaceAll('"', "'"), version: versionOf(document.root.info.version) },
    paths: common ? Object.fromEntries(operations.map((one, index) => [`/${index}`, { get: {
      operationId: one.id, tags: [tags.get(one).tag], responses: { 200: { description: 'Ok' } }, ...operationData(one, { render, types: tags.get(one).types }), 'x-bound': verified ? 'crate::Verify' : 'contract::Api' } }])) : {},
    'x-models': models.all(),
    'x-common-models': [...shapes.models.keys()].filter((name) => used.has(name) && isShared(name)).sort(),
    'x-outgoing': outgoingData(outgoing, { document, render, shapes }),
    'x-is-ours': document.isOurs,
    'x-verification': verified,
  };
}

// Modules and traits have names of their own, which Rust leaves as they are. The generator divides them into words anew: they differ without signs between these, too.
function tagsOf(operations) {
  const names = new Names(['mod'], (name) => name.replaceAll('_', ''));
  const made = new Map();
  const found = new Map();
  for (const one of operations) {
    const said = String(one.node.tags?.[0] ?? 'operations');
    if (!made.has(said)) {
      const plain = snake(said.normalize('NFD').replace(/[^\x20-\x7e]/g, ''), 'tag');
      const tag = names.take(isReserved(plain) || isReserved(camel(plain)) ? `${plain}_api` : plain);
      const types = typeNames();
      types.take(camel(tag));
      made.set(said, { tag, types });
    }
    found.set(one, made.get(said));
  }
  return found;
}

// Cargo takes semantic versions only.
function versionOf(version) {
  const [major = '0', minor = '0', patch = '0'] = /\d+(?:\.\d+)*/.exec(String(version))?.[0].split('.') ?? [];
  const isWhole = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?$/.test(version) && !/[.-]0\d/.test(version);
  return isWhole ? version : [major, minor, patch].map((part) => Number(part.slice(0, 15))).join('.');
}
