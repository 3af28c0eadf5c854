"""What stands between a request and the search: loaded models, pinned generations, bounded queues."""
