"""Learning while somebody paints."""
