-- No two VM rows with a live status have one address.
SELECT ip_address, vm_id, status, vm_type, created_at
FROM (SELECT *, count(*) OVER (PARTITION BY ip_address) AS holders
      FROM vms
      WHERE status = ANY (%(live)s) AND ip_address <> '') AS held
WHERE holders > 1
