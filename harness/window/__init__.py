"""A session's browser window, hop by hop, and the browser that looks at it."""
