"""Profiles: everything that can be measured of one ONNX file or plan on this machine."""
