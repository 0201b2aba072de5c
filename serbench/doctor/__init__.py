"""What keeps searches from running on this machine."""
