"""Training: batches, losses, metrics, the recorded step, the loop, callbacks, checkpoints."""
