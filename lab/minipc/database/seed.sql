-- The state in which the runbook leaves the database: the incident's VM destroyed and its session failed an
-- hour ago, and nothing that its step 7 would delete.
INSERT INTO users (user_id, email) VALUES
    ('5b0f3c1e-8d5a-4c8e-9b57-0d6f7c1b2a01', 'operator@example.com'),
    ('5b0f3c1e-8d5a-4c8e-9b57-0d6f7c1b2a02', 'acceptance@example.com'),
    ('5b0f3c1e-8d5a-4c8e-9b57-0d6f7c1b2a03', 'acceptance2@example.com')
ON CONFLICT DO NOTHING;

INSERT INTO vms (vm_id, user_id, vm_type, ip_address, tap_device, status, socket_path,
                 created_at, started_at, stopped_at, destroyed_at, last_heartbeat)
VALUES ('vm-6b03852d-0631-4f91-ae8a-fd352348e9c2', '5b0f3c1e-8d5a-4c8e-9b57-0d6f7c1b2a01', 'browser',
        '192.168.100.2', 'fc-vm-6b038', 'destroyed',
        '/var/run/firecracker/vm-6b03852d-0631-4f91-ae8a-fd352348e9c2.sock',
        now() - interval '2 hours', now() - interval '2 hours', now() - interval '1 hour',
        now() - interval '1 hour', now() - interval '2 hours')
ON CONFLICT (vm_id) DO UPDATE SET
    status = 'destroyed', created_at = excluded.created_at, started_at = excluded.started_at,
    stopped_at = excluded.stopped_at, destroyed_at = excluded.destroyed_at,
    last_heartbeat = excluded.last_heartbeat;

INSERT INTO auth_sessions (session_id, user_id, browser_vm_id, provider, status, error_message,
                           started_at, timeout_at, completed_at)
VALUES ('86549de0-c3bf-4803-8ef6-af99e2436023', '5b0f3c1e-8d5a-4c8e-9b57-0d6f7c1b2a01',
        'vm-6b03852d-0631-4f91-ae8a-fd352348e9c2', 'codex', 'failed',
        'VM health check timeout - manual cleanup',
        now() - interval '2 hours', now() - interval '90 minutes', now() - interval '1 hour')
ON CONFLICT (session_id) DO UPDATE SET
    browser_vm_id = excluded.browser_vm_id, status = 'failed', error_message = excluded.error_message, started_at = excluded.started_at,
    timeout_at = excluded.timeout_at, completed_at = excluded.completed_at;

SELECT $$UPDATE auth_sessions SET created_at = started_at
         WHERE session_id = '86549de0-c3bf-4803-8ef6-af99e2436023'$$
WHERE EXISTS (SELECT FROM information_schema.columns
              WHERE table_name = 'auth_sessions' AND column_name = 'created_at') \gexec

DELETE FROM vms
WHERE vm_type = 'browser' AND status = 'destroyed' AND destroyed_at < now() - interval '24 hours';
DELETE FROM auth_sessions
WHERE status IN ('failed', 'timeout') AND started_at < now() - interval '24 hours';
