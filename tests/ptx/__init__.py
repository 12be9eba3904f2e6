"""The CUDA kernels on a CPU: nvcc's PTX translated to C++, run a fiber a thread, with every access checked."""
