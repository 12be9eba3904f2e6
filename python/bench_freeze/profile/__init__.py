"""Everything that can be measured of one ONNX file or plan on the machine at hand."""
