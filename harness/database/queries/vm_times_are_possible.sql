-- No VM row has a time missing, in the future, or before what must come first.
SELECT vm_id, status, created_at, started_at, stopped_at, destroyed_at, last_heartbeat, why
FROM vms, LATERAL (SELECT concat_ws(', ',
    CASE WHEN created_at IS NULL THEN 'no created_at' END,
    CASE WHEN started_at < created_at - %(skew)s THEN 'started before created' END,
    CASE WHEN stopped_at < created_at - %(skew)s THEN 'stopped before created' END,
    CASE WHEN destroyed_at < created_at - %(skew)s THEN 'destroyed before created' END,
    CASE WHEN destroyed_at < started_at - %(skew)s THEN 'destroyed before started' END,
    CASE WHEN last_heartbeat < created_at - %(skew)s THEN 'heartbeat before created' END,
    CASE WHEN greatest(created_at, started_at, stopped_at, destroyed_at, last_heartbeat) > %(now)s + %(skew)s
         THEN 'in the future' END) AS why) AS reasons
WHERE why <> ''
