"""Launches kernels: arguments, PTX, cuBLAS, workspace, autotuning."""
