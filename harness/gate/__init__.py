"""Whether a golden snapshot may reach users: only one that this suite has passed."""
