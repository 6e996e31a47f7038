"""The host program's part in Python: what is asked of daemons, and what is decided from what they say."""
