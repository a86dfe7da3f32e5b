-- No failed or timed-out session is older than the clean-up allows.
-- The runbook's own condition (step 7). A NULL in it is found by session_times_are_possible.
SELECT session_id, status, age_at, error_message
FROM sessions
WHERE status = ANY (%(stale)s)
  AND age_at < %(now)s - %(stale_after)s
