// What the browser tests try on the page of the tasks service: an operation with what the page suggests, and what it answers.
import assert from 'node:assert/strict';

export default [
  { operation: 'create_project', status: '201', check: (project) => assert.equal(project.title, 'Annual report') },
];
