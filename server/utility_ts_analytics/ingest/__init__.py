"""Files into tables: the way in for what does not come over HTTP."""
