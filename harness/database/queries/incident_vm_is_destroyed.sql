-- The incident's VM is destroyed, or deleted since.
SELECT vm_id, status, destroyed_at
FROM vms
WHERE vm_id = %(incident_vm)s
  AND status IS DISTINCT FROM %(destroyed)s
