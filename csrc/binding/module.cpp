// The other Python bindings, besides evaluator.cpp: they take typed arrays, pass on plain pointers, and release the
// interpreter lock around the work. ext.py has all messages to the user; checks.h refuses every out-of-bounds access.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/tuple.h>

#include <stdexcept>
#include <tuple>

#include "binding/arrays.h"
#include "binding/cuda.h"
#include "binding/letterbox.h"
#include "score.h"

namespace bench_freeze {
namespace {

constexpr nb::dlpack::dtype kFloat16{static_cast<uint8_t>(nb::dlpack::dtype_code::Float), 16, 1};

using FaultTuple = std::tuple<int64_t, int64_t, int64_t>;

// `predictions` is [B, 4 + C, A] with its last axis contiguous.
FaultTuple bind_nms(nb::ndarray<nb::ro, nb::ndim<3>, nb::device::cpu> predictions, float score_threshold,
                    float iou_threshold, int64_t max_candidates, bool multi_label, bool class_agnostic, bool is_cxcywh,
                    int64_t threads, Out<float, -1, -1, 4> boxes, Out<float, -1, -1> scores,
                    Out<int32_t, -1, -1> labels, Out<int32_t, -1> count, Out<int64_t, -1> dropped_candidates,
                    Out<int64_t, -1> dropped_detections) {
  if (predictions.dtype() != nb::dtype<float>() && predictions.dtype() != kFloat16) {
    throw std::invalid_argument("head: neither float32 nor float16");
  }
  Head head{};
  head.data = predictions.data();
  head.type = predictions.dtype() == nb::dtype<float>() ? HeadType::kFloat32 : HeadType::kFloat16;
  head.images = static_cast<int64_t>(predictions.shape(0));
  head.classes = static_cast<int64_t>(predictions.shape(1)) - 4;
  head.anchors = static_cast<int64_t>(predictions.shape(2));
  head.image_stride = predictions.stride(0);
  head.row_stride = predictions.stride(1);
  const NmsSettings settings{score_threshold,
                             iou_threshold,
                             static_cast<int64_t>(scores.shape(1)),
                             max_candidates,
                             multi_label,
                             class_agnostic,
                             is_cxcywh ? BoxFormat::kCxcywh : BoxFormat::kXyxy};
  const Detections detections =
      checked_detections({head, predictions.stride(2), all_of(boxes), all_of(scores), all_of(labels), all_of(count),
                          all_of(dropped_candidates), all_of(dropped_detections)},
                         settings);
  Fault fault;
  {
    nb::gil_scoped_release release;
    fault = nms(head, settings, threads, detections);
  }
  return {fault.image, fault.row, fault.anchor};
}

// `image` is [H, W, 3] with contiguous rows, `out` [3, height, width].
void bind_letterbox(nb::ndarray<const uint8_t, nb::shape<-1, -1, 3>, nb::device::cpu> image, Out<float, 3, -1, -1> out,
                    int64_t resized_height, int64_t resized_width, int64_t top, int64_t left, float fill) {
  const Image source{image.data(), static_cast<int64_t>(image.shape(0)), static_cast<int64_t>(image.shape(1)),
                     image.stride(0)};
  const Canvas canvas{out.data(),
                      static_cast<int64_t>(out.shape(1)),
                      static_cast<int64_t>(out.shape(2)),
                      top,
                      left,
                      resized_height,
                      resized_width,
                      fill};
  check_letterbox(source, image.stride(1), image.stride(2), canvas, static_cast<int64_t>(out.size()));
  nb::gil_scoped_release release;
  letterbox(source, canvas);
}

}  // namespace
}  // namespace bench_freeze

NB_MODULE(_ext, module) {
  using namespace nb::literals;
  module.doc() = "Compiled kernels; import bench_freeze.scorer.ext instead, which checks its arguments.";
  module.def("nms", &bench_freeze::bind_nms, "predictions"_a.noconvert(), "score_threshold"_a, "iou_threshold"_a,
             "max_candidates"_a, "multi_label"_a, "class_agnostic"_a, "is_cxcywh"_a, "threads"_a, "boxes"_a.noconvert(),
             "scores"_a.noconvert(), "labels"_a.noconvert(), "count"_a.noconvert(), "dropped_candidates"_a.noconvert(),
             "dropped_detections"_a.noconvert());
  module.def("letterbox", &bench_freeze::bind_letterbox, "image"_a.noconvert(), "out"_a.noconvert(), "resized_height"_a,
             "resized_width"_a, "top"_a, "left"_a, "fill"_a);
  bench_freeze::bind_cuda(module);
  bench_freeze::bind_evaluator(module);
  bench_freeze::bind_json(module);
  bench_freeze::bind_letterbox_cuda(module);
}
