-- Closes the demo accounts of a database that has become a production one: whoever still has a password that demo.sql or the
-- older service's seed gave, can no longer log in, and every session ends. What the accounts own is kept.
-- Not a migration: the migrate command runs it on every start in production.

UPDATE users SET hashed_password = '!', is_active = false, session_epoch = session_epoch + 1
WHERE (email, hashed_password) IN (
    ('admin@example.com', '$argon2id$v=19$m=19456,t=2,p=1$DwujrwpKC6AI2pPEBmYSuA$8MSBTj3m9sdXUNy9hO2Us+kyPAvj1U1jgQDLguzZTpg'),
    ('user@example.com', '$argon2id$v=19$m=19456,t=2,p=1$r/WdQ9DUleh0jbzIeN2kTA$oai6N7m8PqJ/2jUf1z4wyObkujYc7vT3bfZlmajHgGg'),
    ('admin@example.com', 'admin'),
    ('user@example.com', 'user'));
