"""Base images made on this machine, for a test of the compose file where no image registry can be reached."""
