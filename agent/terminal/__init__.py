"""What a terminal printed: kept in a bounded log, and made readable from it when the terminal is gone."""
