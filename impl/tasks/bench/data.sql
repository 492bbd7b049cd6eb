-- :users users (1,000 where it is measured) with 2 projects each and 50 tasks in each project. Ids are such that user N owns projects 2N and 2N+1, and
-- tasks 100N to 100N+99. Every user has the password of user@example.com, a demo account.
BEGIN;
INSERT INTO users (id, email, hashed_password, full_name)
SELECT n, 'bench' || n || '@example.com', demo.hashed_password, 'Bench User ' || n
FROM generate_series(1001, 1000 + :users) n, users demo WHERE demo.email = 'user@example.com'
ON CONFLICT DO NOTHING;
INSERT INTO projects (id, title, description, owner_id)
SELECT n, 'Project ' || n, 'What project ' || n || ' is about, in a sentence or two.', n / 2
FROM generate_series(2002, 2001 + 2 * :users) n;
-- Half of the tasks are assigned, to the owner of the next projects.
INSERT INTO tasks (id, title, description, status, due_date, project_id, assignee_id)
SELECT n, 'Task ' || n, 'What is to be done in task ' || n || ', why, and how one knows that it is done.',
       (ARRAY['ToDo', 'InProgress', 'Done'])[n % 3 + 1], timestamptz '2026-01-01' + n * interval '1 minute', n / 50,
       CASE WHEN n % 2 = 0 THEN 1001 + (n / 100 - 1000) % :users END
FROM generate_series(100100, 100099 + 100 * :users) n;
COMMIT;
VACUUM ANALYZE users, projects, tasks;
