"""The warehouse's half of a check: the way to it, the source, the watermark's column."""
