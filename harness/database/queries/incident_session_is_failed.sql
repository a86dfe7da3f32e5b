-- The incident's session is failed, or deleted since.
SELECT session_id, status, browser_vm_id, error_message
FROM sessions
WHERE session_id = %(incident_session)s
  AND status IS DISTINCT FROM %(failed)s
