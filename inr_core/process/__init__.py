"""The process that we are guests in: its threads, Ctrl-C, and settings that are given back as they were."""
