"""Who may speak to which listener: the door's headers, tokens, and where a request comes from."""
