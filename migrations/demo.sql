-- Demo data, for a database without users that is not in production: admin@example.com / admin, user@example.com / user.
-- Not a migration: the migrate command runs it, after the migrations and in one transaction.

INSERT INTO users (id, email, hashed_password, full_name, is_superuser) VALUES
    (1, 'admin@example.com', '$argon2id$v=19$m=19456,t=2,p=1$DwujrwpKC6AI2pPEBmYSuA$8MSBTj3m9sdXUNy9hO2Us+kyPAvj1U1jgQDLguzZTpg', 'Demo Admin', true),
    (2, 'user@example.com', '$argon2id$v=19$m=19456,t=2,p=1$r/WdQ9DUleh0jbzIeN2kTA$oai6N7m8PqJ/2jUf1z4wyObkujYc7vT3bfZlmajHgGg', 'Demo User', false);

INSERT INTO projects (id, title, description, owner_id) VALUES
    (1, 'Launch the service', 'From a contract to a running service', 1),
    (2, 'Plan the holiday', NULL, 2);

INSERT INTO tasks (id, title, description, status, due_date, project_id, assignee_id) VALUES
    (1, 'Write the contract', 'Every operation, every status', 'Done', NULL, 1, 1),
    (2, 'Try the contract', 'Follow the first session in the README', 'InProgress', now() + interval '7 days', 1, 2),
    (3, 'Book the train', NULL, 'ToDo', now() + interval '30 days', 2, NULL);

-- Nobody needs an account for products: there may be some already.
WITH stocked AS (
    INSERT INTO products (id, sku, name, description, price_cents, stock) VALUES
        (1, 'MUG-1', 'Mug', 'Holds a third of a litre', 1250, 100),
        (2, 'PEN-1', 'Pen', NULL, 199, 1000),
        (3, 'NOTE-1', 'Notebook', 'The last ones', 850, 2)
    ON CONFLICT DO NOTHING RETURNING id, stock
)
INSERT INTO stock_entries (product_id, kind, quantity) SELECT id, 'receive', stock FROM stocked ORDER BY id;

-- Explicit ids leave the sequences behind.
SELECT setval(pg_get_serial_sequence('users', 'id'), (SELECT max(id) FROM users));
SELECT setval(pg_get_serial_sequence('projects', 'id'), (SELECT max(id) FROM projects));
SELECT setval(pg_get_serial_sequence('tasks', 'id'), (SELECT max(id) FROM tasks));
SELECT setval(pg_get_serial_sequence('products', 'id'), (SELECT max(id) FROM products));
