"""Tasks: Claude sessions that are launched, watched, answered and ended, and what is recorded of them."""
