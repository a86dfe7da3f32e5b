-- No two VM rows with a live status have one API socket.
SELECT socket_path, vm_id, status, vm_type, created_at
FROM (SELECT *, count(*) OVER (PARTITION BY socket_path) AS holders
      FROM vms
      WHERE status = ANY (%(live)s) AND socket_path <> '') AS held
WHERE holders > 1
