"""From folders and captions to vectors and catalog entries: resumable, with bad files set aside."""
