-- No two VM rows with a live status have one API socket. Where VMMs may be in jails, a path outside of the host's
-- folders of VMs is one that each jail has.
SELECT socket_path, vm_id, status, vm_type, created_at
FROM (SELECT *, count(*) OVER (PARTITION BY socket_path) AS holders
      FROM vms
      WHERE status = ANY (%(live)s) AND socket_path <> '') AS held
WHERE holders > 1
  AND (cardinality(%(host_sockets)s::text[]) = 0
       OR EXISTS (SELECT FROM unnest(%(host_sockets)s::text[]) AS folder WHERE starts_with(socket_path, folder)))
