"""What painted ids mean and what they teach: classes, checks, border weights, targets."""
