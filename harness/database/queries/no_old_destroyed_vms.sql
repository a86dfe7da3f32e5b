-- No destroyed Browser VM is older than the clean-up allows.
-- The runbook's own condition (step 7). A NULL in it is found by destroyed_vms_say_when or vm_states_are_known.
SELECT vm_id, status, vm_type, destroyed_at
FROM vms
WHERE vm_type = %(browser)s
  AND status = %(destroyed)s
  AND destroyed_at < %(now)s - %(stale_after)s
