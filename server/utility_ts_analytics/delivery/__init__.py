"""Delivery: batches from the queue to the database, in order, with retry, fallback and spool."""
