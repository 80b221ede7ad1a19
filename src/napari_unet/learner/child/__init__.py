"""What runs in the learner's processes."""
