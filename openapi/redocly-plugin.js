// Lint rules for the documents: a document may contain only what the generated code enforces, in one notation.
// Everything that the linter accepts must be generated and tested with kitchen-sink.yaml; a new keyword, format or
// extension is first added there and to these tables, not to a service's document.
const schemas = require('./redocly-rules/schemas.js');
const operations = require('./redocly-rules/operations.js');
const extensions = require('./redocly-rules/extensions.js');
const problems = require('./redocly-rules/problems.js');
const { namePattern } = require('./redocly-rules/names.js');
const { permissions } = require('./redocly-rules/permissions.js');
const { withPermission } = require('./redocly-rules/permission-text.js');

module.exports = () => ({
  id: 'contract',
  rules: { oas3: { ...schemas, ...operations, ...extensions, ...problems, permissions } },
  // So that what an extension refers to counts as used, and is bundled.
  typeExtension: {
    oas3: (types) => ({
      ...types,
      MediaType: { ...types.MediaType, properties: { ...types.MediaType.properties, 'x-event-data': 'Schema' } },
    }),
  },
  decorators: {
    oas3: {
      // The table of shared error responses is used by YAML merges only; bundles contain the result.
      'drop-refusal-table': () => ({
        Root: {
          leave(root) {
            delete root['x-refusals'];
          },
        },
      }),
      // Who may call an operation is part of its description.
      'permission-texts': withPermission,
      'name-patterns': () => ({
        Schema: {
          leave(schema) {
            if (schema['x-text'] === 'name') schema.pattern = namePattern(schema.minLength ?? 0);
          },
        },
      }),
    },
  },
});
