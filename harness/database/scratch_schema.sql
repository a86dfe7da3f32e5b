-- The service's tables as loosely as a deployment may have them: nothing but primary keys, so that every
-- defect can be put in. The caller adds what a variant of the schema has beside it.
CREATE TABLE users (user_id uuid PRIMARY KEY, email text);
CREATE TABLE vms (
    vm_id text PRIMARY KEY, user_id uuid, vm_type text, vcpu_count integer, memory_mb integer, ip_address text,
    tap_device text, status text, firecracker_pid integer, socket_path text, last_heartbeat timestamptz,
    created_at timestamptz, started_at timestamptz, stopped_at timestamptz, destroyed_at timestamptz
);
CREATE TABLE auth_sessions (
    session_id uuid PRIMARY KEY, user_id uuid, browser_vm_id text, provider text, auth_url text, status text,
    started_at timestamptz, completed_at timestamptz, timeout_at timestamptz, error_message text,
    retry_count integer
);
