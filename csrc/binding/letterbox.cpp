// Python bindings of the letterbox on a GPU: device memory arrives as addresses that cuda_letterbox.py has checked.
#include "binding/letterbox.h"

#include <nanobind/nanobind.h>
#include <nanobind/stl/tuple.h>

#include <tuple>

#include "letterbox_cuda.h"

namespace nb = nanobind;

namespace bench_freeze {
namespace {

using Pair = std::tuple<int64_t, int64_t>;

void bind(uintptr_t image, Pair image_hw, int64_t row_stride, uintptr_t out, Pair canvas_hw, Pair resized_hw,
          Pair top_left, float fill, int32_t device, uintptr_t stream) {
  const Image source{reinterpret_cast<const uint8_t*>(image), std::get<0>(image_hw), std::get<1>(image_hw), row_stride};
  const Canvas canvas{
      reinterpret_cast<float*>(out), std::get<0>(canvas_hw),  std::get<1>(canvas_hw),  std::get<0>(top_left),
      std::get<1>(top_left),         std::get<0>(resized_hw), std::get<1>(resized_hw), fill};
  nb::gil_scoped_release release;
  letterbox_cuda(source, canvas, {device, stream});
}

}  // namespace

void bind_letterbox_cuda(nb::module_& module) {
  using namespace nb::literals;
  module.def("cuda_letterbox", &bind, "image"_a, "image_hw"_a, "row_stride"_a, "out"_a, "canvas_hw"_a, "resized_hw"_a,
             "top_left"_a, "fill"_a, "device"_a, "stream"_a);
}

}  // namespace bench_freeze
