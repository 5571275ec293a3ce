"""The commands; the only code that knows Typer or prints."""
