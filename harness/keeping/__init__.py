"""A VM of the suite that lives on a host, looked at by a person."""
