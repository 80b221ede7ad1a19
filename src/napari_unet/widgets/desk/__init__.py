"""What all docks of one viewer share."""
