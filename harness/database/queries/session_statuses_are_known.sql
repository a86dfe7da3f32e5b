-- Every session has a status that the service knows.
SELECT session_id, status, browser_vm_id, age_at
FROM sessions
WHERE (status = ANY (%(session_statuses)s)) IS NOT TRUE
