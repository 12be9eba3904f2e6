// The part of the module that binds the letterbox on a GPU.
#pragma once

#include <nanobind/nanobind.h>

namespace bench_freeze {

void bind_letterbox_cuda(nanobind::module_& module);

}  // namespace bench_freeze
