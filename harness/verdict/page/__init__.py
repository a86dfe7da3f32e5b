"""The verdict as one HTML page, for a browser that is offline and runs no script."""
