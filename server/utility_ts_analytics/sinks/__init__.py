"""Delivery: what leaves the queue, how it is sent, and what may be sent again."""
