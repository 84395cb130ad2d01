"""The stories: each module has `STORIES`, a dict from a story's name to a function of one `Stage`."""
