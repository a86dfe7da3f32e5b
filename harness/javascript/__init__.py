"""What can be said about a Node.js program without running it."""
