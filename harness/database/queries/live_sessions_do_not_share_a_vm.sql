-- No two unfinished sessions have one Browser VM.
SELECT browser_vm_id, session_id, status, age_at
FROM (SELECT *, count(*) OVER (PARTITION BY browser_vm_id) AS holders
      FROM sessions
      WHERE (status = ANY (%(finished)s)) IS NOT TRUE AND browser_vm_id <> '') AS held
WHERE holders > 1
