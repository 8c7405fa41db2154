"""What an operator does: deploy, watch, replay, reconcile."""
