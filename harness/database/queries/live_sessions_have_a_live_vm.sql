-- No unfinished session is on a VM that is gone, dead or missing.
-- The runbook's clean-up sets browser_vm_id to NULL where it deletes the VM; later deployments use vm_id, too.
SELECT sessions.session_id, sessions.status, coalesce(browser_vm_id, sessions.vm_id) AS vm, vms.status AS vm_status
FROM sessions
LEFT JOIN vms ON vms.vm_id = coalesce(browser_vm_id, sessions.vm_id)
WHERE (sessions.status = ANY (%(finished)s)) IS NOT TRUE
  AND (vms.status = ANY (%(live)s)) IS NOT TRUE
  AND NOT (coalesce(browser_vm_id, sessions.vm_id) IS NULL
           AND (sessions.status = ANY (%(vmless)s)) IS TRUE)
