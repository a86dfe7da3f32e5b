"""A session through the controller's API, and its VM."""
