"""What the Makefile and the hooks run; nothing here is part of the installed package."""
