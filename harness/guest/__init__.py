"""What a guest says of itself, and what harm does to its agent."""
