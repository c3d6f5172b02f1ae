"""The model that is one sine network of a picture's coordinates: its weights, and its pixels."""
