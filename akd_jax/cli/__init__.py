"""The commands: flags in, one call each. An error is one line and an exit status."""
