// The only file that sees Python: typed arrays in, plain pointers on, the interpreter lock released around the work.
// Shapes that belong together are checked in ext.py, which owns every message to the user.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/tuple.h>

#include <tuple>

#include "score.h"

namespace nb = nanobind;

namespace bench_freeze {
namespace {

template <class Scalar, int64_t... Shape>
using In = nb::ndarray<const Scalar, nb::shape<Shape...>, nb::c_contig, nb::device::cpu>;
template <class Scalar, int64_t... Shape>
using Out = nb::ndarray<Scalar, nb::shape<Shape...>, nb::c_contig, nb::device::cpu>;

using FaultTuple = std::tuple<int64_t, int64_t, int64_t>;

// `predictions` is [B, 4 + C, A] with its last axis contiguous.
FaultTuple bind_nms(nb::ndarray<nb::ro, nb::ndim<3>, nb::device::cpu> predictions, float score_threshold,
                    float iou_threshold, int64_t max_candidates, bool multi_label, bool class_agnostic, bool is_cxcywh,
                    Out<float, -1, -1, 4> boxes, Out<float, -1, -1> scores, Out<int32_t, -1, -1> labels,
                    Out<int32_t, -1> count, Out<int64_t, -1> dropped_candidates, Out<int64_t, -1> dropped_detections) {
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
  const Detections detections{
      boxes.data(), scores.data(), labels.data(), count.data(), dropped_candidates.data(), dropped_detections.data()};
  Fault fault;
  {
    nb::gil_scoped_release release;
    fault = nms(head, settings, detections);
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
  nb::gil_scoped_release release;
  letterbox(source, canvas);
}

void bind_match_and_accumulate(In<int32_t, -1> truth_image, In<int32_t, -1> truth_label, In<double, -1, 4> truth_boxes,
                               In<double, -1> truth_area, In<uint8_t, -1> truth_is_crowd, In<uint8_t, -1> truth_is_void,
                               In<int32_t, -1> image, In<int32_t, -1> label, In<double, -1, 4> boxes,
                               In<double, -1> scores, int64_t images, int64_t classes, In<double, -1> iou_thresholds,
                               In<double, -1> recall_thresholds, In<double, -1, 2> area_ranges,
                               In<int64_t, -1> max_detections, Out<double, -1, -1, -1, -1, -1> precision,
                               Out<double, -1, -1, -1, -1> recall, Out<double, -1, -1, -1, -1, -1> score_tensor) {
  const TruthTable truth{static_cast<int64_t>(truth_label.shape(0)),
                         truth_image.data(),
                         truth_label.data(),
                         truth_boxes.data(),
                         truth_area.data(),
                         truth_is_crowd.data(),
                         truth_is_void.data()};
  const DetectionTable detections{static_cast<int64_t>(label.shape(0)), image.data(), label.data(), boxes.data(),
                                  scores.data()};
  const CocoSettings settings{images,
                              classes,
                              static_cast<int64_t>(iou_thresholds.shape(0)),
                              iou_thresholds.data(),
                              static_cast<int64_t>(recall_thresholds.shape(0)),
                              recall_thresholds.data(),
                              static_cast<int64_t>(area_ranges.shape(0)),
                              area_ranges.data(),
                              static_cast<int64_t>(max_detections.shape(0)),
                              max_detections.data()};
  const CocoTensors tensors{precision.data(), recall.data(), score_tensor.data()};
  nb::gil_scoped_release release;
  match_and_accumulate(truth, detections, settings, tensors);
}

}  // namespace
}  // namespace bench_freeze

NB_MODULE(_ext, module) {
  using namespace nb::literals;
  module.doc() = "Compiled kernels; import bench_freeze.ext instead, which checks its arguments.";
  module.def("nms", &bench_freeze::bind_nms, "predictions"_a.noconvert(), "score_threshold"_a, "iou_threshold"_a,
             "max_candidates"_a, "multi_label"_a, "class_agnostic"_a, "is_cxcywh"_a, "boxes"_a.noconvert(),
             "scores"_a.noconvert(), "labels"_a.noconvert(), "count"_a.noconvert(), "dropped_candidates"_a.noconvert(),
             "dropped_detections"_a.noconvert());
  module.def("letterbox", &bench_freeze::bind_letterbox, "image"_a.noconvert(), "out"_a.noconvert(), "resized_height"_a,
             "resized_width"_a, "top"_a, "left"_a, "fill"_a);
  module.def("match_and_accumulate", &bench_freeze::bind_match_and_accumulate, "truth_image"_a.noconvert(),
             "truth_label"_a.noconvert(), "truth_boxes"_a.noconvert(), "truth_area"_a.noconvert(),
             "truth_is_crowd"_a.noconvert(), "truth_is_void"_a.noconvert(), "image"_a.noconvert(),
             "label"_a.noconvert(), "boxes"_a.noconvert(), "scores"_a.noconvert(), "images"_a, "classes"_a,
             "iou_thresholds"_a.noconvert(), "recall_thresholds"_a.noconvert(), "area_ranges"_a.noconvert(),
             "max_detections"_a.noconvert(), "precision"_a.noconvert(), "recall"_a.noconvert(),
             "score_tensor"_a.noconvert());
}
