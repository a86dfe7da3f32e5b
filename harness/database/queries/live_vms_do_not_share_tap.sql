-- No two VM rows with a live status have one TAP device.
SELECT tap_device, vm_id, status, vm_type, created_at
FROM (SELECT *, count(*) OVER (PARTITION BY tap_device) AS holders
      FROM vms
      WHERE status = ANY (%(live)s) AND tap_device <> '') AS held
WHERE holders > 1
