"""What runs leave for those after them: files of JSON in the user's cache folder, checked before they are believed."""
