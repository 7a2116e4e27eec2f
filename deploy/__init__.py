"""Running Leadline's containers, and proving that they run: nothing here is part of the installed package."""
