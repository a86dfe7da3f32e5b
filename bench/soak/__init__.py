"""The soak: many runs on the clean lab, some under load, some killed; false alarms and leaks are counted."""
