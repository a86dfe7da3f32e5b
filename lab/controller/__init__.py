"""master-controller: launches Browser VMs on its host, and keeps their rows."""
