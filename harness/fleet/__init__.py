"""Many sites asked as one: which, in what order, and what they come to together."""
