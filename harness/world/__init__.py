"""Host and database held against each other: whose a thing is, what is missing, left, or changed."""
