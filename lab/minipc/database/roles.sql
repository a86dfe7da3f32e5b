-- controller: the service role. acceptance_ro: looks at everything and changes nothing.
\getenv controller_password CONTROLLER_PASSWORD
\getenv reader_password ACCEPTANCE_RO_PASSWORD
SELECT 'CREATE ROLE controller' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'controller') \gexec
SELECT 'CREATE ROLE acceptance_ro' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'acceptance_ro') \gexec
ALTER ROLE controller LOGIN BYPASSRLS PASSWORD :'controller_password';
ALTER ROLE acceptance_ro LOGIN BYPASSRLS PASSWORD :'reader_password';
ALTER ROLE acceptance_ro SET default_transaction_read_only = on;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO controller;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO acceptance_ro;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO acceptance_ro;
