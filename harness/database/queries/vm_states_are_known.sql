-- Every VM row has a status and a type that the service knows.
SELECT vm_id, status, vm_type, created_at
FROM vms
WHERE (status = ANY (%(vm_statuses)s)) IS NOT TRUE
   OR (vm_type = ANY (%(vm_types)s)) IS NOT TRUE
