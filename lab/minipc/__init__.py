"""The host twin: a contained Debian with the runbook's host on it, booted by systemd-nspawn."""
