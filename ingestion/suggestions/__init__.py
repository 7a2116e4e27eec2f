"""Who is probably one person: found offline, from sealed data, for a person to judge. Nothing is joined by itself."""
