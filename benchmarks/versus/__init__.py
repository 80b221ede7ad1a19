"""Ours and other programs doing the same, each in a process of its own, in turns."""
