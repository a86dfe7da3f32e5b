-- No session has a time missing, in the future, or before what must come first.
-- timeout_at is a deadline: it may be in the future.
SELECT session_id, status, created_at, started_at, completed_at, timeout_at, why
FROM sessions, LATERAL (SELECT concat_ws(', ',
    CASE WHEN age_at IS NULL THEN 'no time that tells its age' END,
    CASE WHEN started_at < created_at - %(skew)s THEN 'started before created' END,
    CASE WHEN completed_at < coalesce(started_at, created_at) - %(skew)s THEN 'completed before started' END,
    CASE WHEN timeout_at < coalesce(started_at, created_at) - %(skew)s THEN 'deadline before started' END,
    CASE WHEN greatest(created_at, started_at, completed_at, last_heartbeat) > %(now)s + %(skew)s
         THEN 'in the future' END) AS why) AS reasons
WHERE why <> ''
