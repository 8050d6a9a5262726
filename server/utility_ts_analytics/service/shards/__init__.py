"""Keys and shards: is every key where it belongs, and how it gets there."""
