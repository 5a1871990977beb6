"""Tests of a backend, of nnaccel's own or of a package, against the plain kernels on NumPy.

    NNACCEL_BACKEND=mine pytest --pyargs nnaccel.conformance

`test_facts` is about what a backend says of itself and its arrays, `test_kernels` about every
kernel, `test_training` about whole trainings. They need pytest, and `ml_dtypes` for bfloat16.
"""
