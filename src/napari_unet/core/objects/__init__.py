"""Cells: find, split, link, measure, edit, teach."""
