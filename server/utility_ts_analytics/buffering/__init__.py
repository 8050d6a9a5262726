"""Bounded memory between the HTTP edge and the sinks: blocks, their queue, their settlement."""
