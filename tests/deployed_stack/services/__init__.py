"""For each service: how the properties that the templates set are read back, and set where a local cloud drops them."""
