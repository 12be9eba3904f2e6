// The part of the module that binds the CUDA back end.
#pragma once

#include <nanobind/nanobind.h>

namespace bench_freeze {

void bind_cuda(nanobind::module_& module);

}  // namespace bench_freeze
