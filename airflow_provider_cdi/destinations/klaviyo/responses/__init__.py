"""What Klaviyo's responses mean."""
