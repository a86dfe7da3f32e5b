-- Every failed session has an error_message.
SELECT session_id, status, browser_vm_id, age_at, error_message
FROM sessions
WHERE status = %(failed)s
  AND coalesce(error_message, '') !~ '\S'
