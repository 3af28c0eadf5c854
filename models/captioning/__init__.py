"""Models that write a caption for a photograph; one architecture a file."""
