"""Logins: typed through the window, refused, or attended by a person."""
