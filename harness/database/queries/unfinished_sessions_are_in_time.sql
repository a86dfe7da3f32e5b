-- No unfinished session is past its deadline for longer than the controller takes to end it.
-- Until the controller's next sweep a session may be past its deadline. One without any time has no deadline
-- that could ever end it, so it counts.
SELECT session_id, status, browser_vm_id, age_at, started_at, timeout_at
FROM sessions
WHERE (status = ANY (%(finished)s)) IS NOT TRUE
  AND coalesce(timeout_at, coalesce(started_at, created_at) + %(deadline)s, '-infinity') < %(now)s - %(sweep)s
