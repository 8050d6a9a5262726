"""What the service says about itself: logs now, metrics beside them."""
