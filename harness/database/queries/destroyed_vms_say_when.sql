-- Every destroyed VM row has destroyed_at, and no other one has.
SELECT vm_id, status, stopped_at, destroyed_at
FROM vms
WHERE (status IS NOT DISTINCT FROM %(destroyed)s) <> (destroyed_at IS NOT NULL)
