-- Until the controller's next sweep it may be past its deadline. Without any time there is no deadline that
-- could ever end it, so it counts.
SELECT session_id, status, browser_vm_id, age_at, started_at, timeout_at
FROM sessions
WHERE (status = ANY (%(finished)s)) IS NOT TRUE
  AND coalesce(timeout_at, coalesce(started_at, created_at) + %(deadline)s, '-infinity') < %(now)s - %(sweep)s
