"""Speed against peers in the same run, on the real API server; `nox -s bench`. Nothing here is asserted in CI."""
