"""Everything that a study file says, in one import. Standard library only."""
