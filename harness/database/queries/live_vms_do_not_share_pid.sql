-- No two VM rows with a live status have one process.
SELECT firecracker_pid, vm_id, status, vm_type, created_at
FROM (SELECT *, count(*) OVER (PARTITION BY firecracker_pid) AS holders
      FROM vms
      WHERE status = ANY (%(live)s) AND status <> ALL (%(processless)s) AND firecracker_pid IS NOT NULL) AS held
WHERE holders > 1
