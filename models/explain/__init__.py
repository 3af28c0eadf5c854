"""Shows why an image matched: heat maps and word saliency."""
