-- No VM row with a live status was stopped, or silent for longer than the profile allows.
-- A VM that was stopped and started again is alive; one that hibernates has no process to report.
SELECT vm_id, status, started_at, stopped_at, last_heartbeat, why
FROM vms, LATERAL (SELECT concat_ws(', ',
    CASE WHEN stopped_at >= coalesce(started_at, stopped_at) THEN 'stopped' END,
    CASE WHEN coalesce(last_heartbeat, started_at, created_at, '-infinity') < %(now)s - %(silence)s::interval
         THEN 'silent' END) AS why) AS reasons
WHERE status = ANY (%(live)s)
  AND status <> ALL (%(processless)s)
  AND why <> ''
