-- Opens the demo accounts of the older service, whose seed wrote their passwords where hashes belong.
-- Not a migration: the migrate command runs it on every start outside production.

UPDATE users u SET hashed_password = demo.hashed_password
FROM (VALUES
    ('admin@example.com', 'admin', '$argon2id$v=19$m=19456,t=2,p=1$DwujrwpKC6AI2pPEBmYSuA$8MSBTj3m9sdXUNy9hO2Us+kyPAvj1U1jgQDLguzZTpg'),
    ('user@example.com', 'user', '$argon2id$v=19$m=19456,t=2,p=1$r/WdQ9DUleh0jbzIeN2kTA$oai6N7m8PqJ/2jUf1z4wyObkujYc7vT3bfZlmajHgGg')
) AS demo (email, password, hashed_password)
WHERE u.email = demo.email AND u.hashed_password = demo.password;
