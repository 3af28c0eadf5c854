"""What may come in and what may go out: uploads, fetched images, files, keys, headers."""
