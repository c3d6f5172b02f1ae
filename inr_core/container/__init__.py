"""The bytes of a file: signature, chunks, header, metadata, and files that arrive piece by piece."""
