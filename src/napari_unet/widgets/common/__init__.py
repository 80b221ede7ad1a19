"""Small widgets that several docks show."""
