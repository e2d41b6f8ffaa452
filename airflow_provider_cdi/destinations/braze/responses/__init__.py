"""What Braze's responses mean."""
