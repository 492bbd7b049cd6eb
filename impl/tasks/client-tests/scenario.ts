// Projects and tasks with the TypeScript client.
import assert from 'node:assert/strict';
import { type Given, refused } from './support.js';

export default async function scenario({ client }: Given): Promise<void> {
  const project = await client.projects.createProject({ projectCreate: { title: 'Client test' } });
  const task = await client.tasks.createTask({
    taskCreate: { title: 'Write a client', projectId: project.id, description: 'In TypeScript.' },
  });
  assert.equal(task.description, 'In TypeScript.');
  // Null takes the description away; what is absent stays.
  const changed = await client.tasks.patchTask({ taskId: task.id, taskUpdate: { description: null } });
  assert.deepEqual([changed.description, changed.title], [null, 'Write a client']);
  const page = await client.tasks.listTasksRaw({ projectId: project.id, count: true });
  assert.equal(page.raw.headers.get('X-Total-Count'), '1');
  assert.equal((await page.value()).length, 1);

  // A token that is not valid any more: the same body again, with a new one.
  assert(client.session);
  client.session = { ...client.session, accessToken: 'no-token-of-any-service' };
  assert.equal((await client.tasks.patchTask({ taskId: task.id, taskUpdate: { title: 'Sent twice' } })).title, 'Sent twice');

  const problem = await refused(client.projects.createProject({ projectCreate: { title: 'x' } }));
  assert.deepEqual([problem.status, problem.code], [422, 'validation_failed']);
  assert.deepEqual([problem.errors[0]?.pointer, problem.errors[0]?.code], ['#/title', 'too_short']);
}
