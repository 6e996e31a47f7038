"""What is decided from what everybody said: without input or output, tested by tables."""
