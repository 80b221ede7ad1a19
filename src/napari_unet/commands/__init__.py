"""What each command of the shell does, one a file."""
