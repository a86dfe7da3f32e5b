-- The service's tables, as the operator's database has them.
SET client_min_messages = warning;

CREATE TABLE IF NOT EXISTS users (
    user_id uuid PRIMARY KEY,
    email text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS vms (
    vm_id text PRIMARY KEY,
    user_id uuid REFERENCES users ON DELETE SET NULL,
    vm_type text NOT NULL CHECK (vm_type IN ('browser', 'cli')),
    vcpu_count integer NOT NULL DEFAULT 2,
    memory_mb integer NOT NULL DEFAULT 2048,
    ip_address text,
    tap_device text,
    status text NOT NULL DEFAULT 'creating' CHECK (
        status IN ('creating', 'running', 'hibernated', 'stopping', 'stopped', 'failed', 'destroyed')),
    firecracker_pid integer,
    socket_path text,
    last_heartbeat timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    stopped_at timestamptz,
    destroyed_at timestamptz
);
CREATE INDEX IF NOT EXISTS vms_status ON vms (status);

CREATE TABLE IF NOT EXISTS auth_sessions (
    session_id uuid PRIMARY KEY,
    user_id uuid REFERENCES users ON DELETE CASCADE,
    browser_vm_id text REFERENCES vms ON DELETE SET NULL,
    provider text NOT NULL,
    auth_url text,
    status text NOT NULL DEFAULT 'started',
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz NOT NULL DEFAULT now(),
    completed_at timestamptz,
    timeout_at timestamptz,
    error_message text,
    retry_count integer NOT NULL DEFAULT 0,
    vm_id text,
    vm_ip text,
    vnc_url text,
    last_heartbeat timestamptz
);
CREATE INDEX IF NOT EXISTS auth_sessions_browser_vm ON auth_sessions (browser_vm_id);
CREATE INDEX IF NOT EXISTS auth_sessions_status ON auth_sessions (status);

CREATE TABLE IF NOT EXISTS prompts (
    prompt_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid REFERENCES users ON DELETE CASCADE,
    vm_id text REFERENCES vms ON DELETE SET NULL,
    prompt text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS prompts_vm ON prompts (vm_id);

ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE vms ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth_sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE prompts ENABLE ROW LEVEL SECURITY;
