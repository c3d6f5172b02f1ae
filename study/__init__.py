"""Every experiment of the study this project starts from, on today's code, its conclusions tested on the results.

The study is "Implicit Image Compression" (CS766, 2021). Each experiment runs on its own, by the study's figure or by
name, in at most 20 minutes on two CPU cores; what that scales down is said with its results, and --full does not scale
down. Methods that are not part of the format are trained, stored as bytes and decoded from them like the others.
"""

from .command import add_arguments, run

__all__ = ["add_arguments", "run"]
