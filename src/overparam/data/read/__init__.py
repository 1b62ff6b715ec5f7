"""Reading what a person has: files and folders of arrays or tables become parts, nothing of it converted."""
