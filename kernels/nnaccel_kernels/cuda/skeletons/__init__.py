"""The loops that kernels share: elementwise, by rows, reductions, images, tiled products."""
