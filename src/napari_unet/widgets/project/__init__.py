"""Keeping and opening a project in a viewer."""
