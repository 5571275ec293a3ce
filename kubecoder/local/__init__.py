"""A workspace with no cluster: the same agent on this machine's loopback, with its state in the user's data folder."""
