"""SQL text for the questions a utility asks. Pure: nothing here connects to anything."""
