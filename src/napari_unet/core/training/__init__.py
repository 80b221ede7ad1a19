"""A training, from its dataset to the trainer."""
