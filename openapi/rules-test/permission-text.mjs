// What the published description says of `x-permission`.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import texts from '../redocly-rules/permission-text.js';

const root = {
  'x-relations': {
    project: { missing: 'project_not_found', relations: { owner: 'its owner' } },
    task: { missing: 'task_not_found', relations: { owner: 'the owner of its project', assignee: 'its assignee' } },
    user: {},
  },
};
const forbid = { assignee: 'owner_only' };
const move = { by: ['owner', 'superuser'], on: 'project', allow: ['owner', 'superuser'] };
const assign = { by: ['owner', 'superuser'], on: 'user', allow: ['user'], clear: ['owner', 'assignee'] };
const EXPECTED = [
  ['anyone', 'Anyone, also without a token.'],
  ['superuser', 'Superusers.'],
  [{ allow: ['anyone'], production: ['superuser'] }, 'Anyone, also without a token. In production superusers only.'],
  [{ on: 'task', allow: ['owner', 'assignee', 'superuser'] }, 'The owner of its project, its assignee and superusers. For others it does not exist: 404 `task_not_found`.'],
  [{ on: 'task', allow: ['owner'], forbid }, 'The owner of its project. Its assignee gets 403 `owner_only`. For others it does not exist: 404 `task_not_found`.'],
  [{ allow: ['user'], forbid: { api_token: 'session_required' } }, 'Any user. With an API token: 403 `session_required`.'],
  [{ each: 'task', allow: ['owner', 'assignee'] }, 'Any user. Each task is listed and counted for the owner of its project and its assignee only.'],
  [{ each: 'task', allow: ['owner'], fields: { project_id: { filter: 'project' } } }, 'Any user. Each task is listed and counted for the owner of its project only. `project_id` never adds to that.'],
  [{ allow: ['user'], fields: { token_id: 'unchecked' } }, 'Any user.'],
  [{ allow: ['user'], fields: { project_id: { on: 'project', allow: ['owner'] } } }, 'Any user. The project in `project_id` may be named by its owner; for others it does not exist: 404 `project_not_found`.'],
  [{ on: 'task', allow: ['owner', 'assignee'], forbid, fields: { project_id: move } }, 'The owner of its project and its assignee. For others it does not exist: 404 `task_not_found`. '
    + '`project_id` may be changed by the owner of its project and superusers only (its assignee gets 403 `owner_only`). The project in `project_id` may be named by its owner and superusers; for others it does not exist: 404 `project_not_found`.'],
  [{ on: 'task', allow: ['owner', 'assignee'], fields: { assignee_id: assign } }, 'The owner of its project and its assignee. For others it does not exist: 404 `task_not_found`. '
    + '`assignee_id` may be changed by the owner of its project and superusers only. Its assignee may set it to null. `assignee_id` has to name a user that exists, else 404 `not_found`.'],
];

test('permissions in words', () => {
  for (const [permission, text] of EXPECTED) assert.equal(texts.permissionText(root, permission), `**Permission:** ${text}`);
});
