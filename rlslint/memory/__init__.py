"""What runs leave for those after them: files of JSON in the user's cache folder. Nothing in them is executed."""
