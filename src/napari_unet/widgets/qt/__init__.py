"""Qt helpers that know no layer and no session."""
