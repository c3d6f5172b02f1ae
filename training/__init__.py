"""Learning the networks that all pictures share, a prior, on many pictures: a maintainer's work, not in the package."""
