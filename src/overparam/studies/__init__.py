"""What is claimed: one file a study; each holds ``STUDY``."""
