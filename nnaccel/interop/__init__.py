"""Other libraries' files and modules: ONNX, PyTorch, Keras; each imported only when used."""
