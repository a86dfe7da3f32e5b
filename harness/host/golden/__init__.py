"""The golden snapshot's files on the host, and what is wrong with them."""
