"""Pages for people: each one HTML document without anything from outside."""
