"""What an image is: named axes, lazy planes and volumes, parts of them, intensities."""
