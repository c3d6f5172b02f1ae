"""What takes time, as functions of arrays: compiled where there is a library, NumPy everywhere, with the same results.

`switch` says which. They know no file; sizes, limits and the order of things are their callers'.
"""
