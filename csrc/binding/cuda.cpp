// Python bindings of the CUDA back end. Device arrays arrive as addresses: python/bench_freeze/kernels reads them from
// their owner (torch, `__cuda_array_interface__`, DLPack) and has checked their types, shapes and device.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <string>
#include <tuple>
#include <vector>

#include "binding/arrays.h"
#include "score_cuda.h"

namespace bench_freeze {
namespace {

template <class Item>
Item* at(uintptr_t address) {
  return reinterpret_cast<Item*>(address);
}

Head head_of(uintptr_t predictions, bool is_half, std::tuple<int64_t, int64_t, int64_t> shape,
             std::tuple<int64_t, int64_t> strides) {
  return {at<void>(predictions), is_half ? HeadType::kFloat16 : HeadType::kFloat32,
          std::get<0>(shape),    std::get<1>(shape) - 4,
          std::get<2>(shape),    std::get<0>(strides),
          std::get<1>(strides)};
}

struct BoundNms {
  NmsSettings settings;
  BoundNms(float score_threshold, float iou_threshold, int64_t max_detections, int64_t max_candidates, bool multi_label,
           bool class_agnostic, bool is_cxcywh)
      : settings{score_threshold,
                 iou_threshold,
                 max_detections,
                 max_candidates,
                 multi_label,
                 class_agnostic,
                 is_cxcywh ? BoxFormat::kCxcywh : BoxFormat::kXyxy} {}
};

int64_t bind_nms_bytes(const BoundNms& nms, std::tuple<int64_t, int64_t, int64_t> shape) {
  return nms_cuda_workspace_bytes(head_of(0, false, shape, {0, 0}), nms.settings);
}

void bind_nms(const BoundNms& nms, uintptr_t predictions, bool is_half, std::tuple<int64_t, int64_t, int64_t> shape,
              std::tuple<int64_t, int64_t> strides, uintptr_t boxes, uintptr_t scores, uintptr_t labels,
              uintptr_t count, uintptr_t dropped_candidates, uintptr_t dropped_detections, uintptr_t fault,
              uintptr_t workspace, int32_t device, uintptr_t stream) {
  const CudaDetections out{{at<float>(boxes), at<float>(scores), at<int32_t>(labels), at<int32_t>(count),
                            at<int64_t>(dropped_candidates), at<int64_t>(dropped_detections)},
                           at<int64_t>(fault)};
  const Head head = head_of(predictions, is_half, shape, strides);
  nb::gil_scoped_release release;
  nms_cuda(head, nms.settings, out, at<void>(workspace), {device, stream});
}

struct BoundCudaTruth {
  TruthIndex index;
  int64_t rows;
  BoundCudaTruth(int64_t images, int64_t classes, int64_t rows_count, uintptr_t begin, uintptr_t label, uintptr_t boxes,
                 uintptr_t area, uintptr_t is_crowd, uintptr_t is_void)
      : index{images,
              classes,
              at<const int64_t>(begin),
              at<const int32_t>(label),
              at<const double>(boxes),
              at<const double>(area),
              at<const uint8_t>(is_crowd),
              at<const uint8_t>(is_void)},
        rows(rows_count) {}
};

void bind_match(const BoundCudaTruth& truth, int64_t images, int64_t rows, uintptr_t image, uintptr_t boxes,
                uintptr_t scores, uintptr_t labels, uintptr_t count, int32_t rule, In<double, -1> iou_thresholds,
                In<double, -1, 2> area_ranges, uintptr_t true_positive, uintptr_t ignored, uintptr_t rank,
                uintptr_t fault, uintptr_t workspace, int32_t device, uintptr_t stream) {
  const CudaRanked detections{images,
                              rows,
                              at<const int32_t>(image),
                              at<const double>(boxes),
                              at<const float>(scores),
                              at<const int32_t>(labels),
                              at<const int32_t>(count)};
  const MatchSettings settings{static_cast<MatchRule>(rule), static_cast<int64_t>(iou_thresholds.shape(0)),
                               iou_thresholds.data(), static_cast<int64_t>(area_ranges.shape(0)), area_ranges.data()};
  const CudaMatches out{at<uint64_t>(true_positive), at<uint64_t>(ignored), at<int32_t>(rank), at<int32_t>(fault)};
  nb::gil_scoped_release release;
  match_cuda(truth.index, truth.rows, detections, settings, out, at<void>(workspace), {device, stream});
}

// What a DLPack producer describes: address, shape, strides in elements, letter and size of the type, device.
using Description = std::tuple<uintptr_t, std::vector<int64_t>, std::vector<int64_t>, std::string, int32_t>;

Description describe_dlpack(nb::ndarray<nb::ro, nb::device::cuda> array) {
  std::vector<int64_t> shape, strides;
  for (size_t i = 0; i < array.ndim(); ++i) {
    shape.push_back(static_cast<int64_t>(array.shape(i)));
    strides.push_back(array.stride(i));
  }
  const char letters[] = {'i', 'u', 'f'};
  const uint8_t code = array.dtype().code;
  const std::string type = (code < 3 ? letters[code] : 'V') + std::to_string(array.dtype().bits / 8);
  return {reinterpret_cast<uintptr_t>(array.data()), shape, strides, type, array.device_id()};
}

using HostBytes = nb::ndarray<uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

}  // namespace

void bind_cuda(nb::module_& module) {
  using namespace nb::literals;
  module.def("cuda_unavailable_reason", &cuda_unavailable_reason);
  nb::class_<BoundNms>(module, "CudaNms")
      .def(nb::init<float, float, int64_t, int64_t, bool, bool, bool>(), "score_threshold"_a, "iou_threshold"_a,
           "max_detections"_a, "max_candidates"_a, "multi_label"_a, "class_agnostic"_a, "is_cxcywh"_a)
      .def("workspace_bytes", &bind_nms_bytes, "shape"_a)
      .def("run", &bind_nms, "predictions"_a, "is_half"_a, "shape"_a, "strides"_a, "boxes_xyxy"_a, "scores"_a,
           "labels"_a, "count"_a, "dropped_candidates"_a, "dropped_detections"_a, "fault"_a, "workspace"_a, "device"_a,
           "stream"_a);
  nb::class_<BoundCudaTruth>(module, "CudaTruth")
      .def(nb::init<int64_t, int64_t, int64_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t>(),
           "images"_a, "classes"_a, "rows"_a, "begin"_a, "label"_a, "boxes"_a, "area"_a, "is_crowd"_a, "is_void"_a)
      .def("workspace_bytes", [](const BoundCudaTruth& truth) { return match_cuda_workspace_bytes(truth.rows); })
      .def("match", &bind_match, "images"_a, "rows"_a, "image"_a, "boxes_xywh"_a, "scores"_a, "labels"_a, "count"_a,
           "rule"_a, "iou_thresholds"_a.noconvert(), "area_ranges"_a.noconvert(), "true_positive"_a, "ignored"_a,
           "rank"_a, "fault"_a, "workspace"_a, "device"_a, "stream"_a);
  module.def("cuda_describe_dlpack", &describe_dlpack, "array"_a.noconvert());
  module.def(
      "cuda_wait_for",
      [](uintptr_t before, int32_t device, uintptr_t stream) { cuda_wait_for(before, {device, stream}); }, "before"_a,
      "device"_a, "stream"_a);
  module.def("cuda_device_of", &cuda_device_of, "address"_a);
  module.def(
      "cuda_allocate",
      [](int32_t device, int64_t bytes) { return reinterpret_cast<uintptr_t>(cuda_allocate(device, bytes)); },
      "device"_a, "bytes"_a);
  module.def(
      "cuda_free", [](int32_t device, uintptr_t address) { cuda_free(device, at<void>(address)); }, "device"_a,
      "address"_a);
  module.def(
      "cuda_copy_to_host",
      [](uintptr_t address, HostBytes out, int32_t device, uintptr_t stream) {
        cuda_copy_to_host(at<const void>(address), out.data(), static_cast<int64_t>(out.size()), {device, stream});
      },
      "address"_a, "out"_a.noconvert(), "device"_a, "stream"_a);
  module.def(
      "cuda_copy_to_device",
      [](In<uint8_t, -1> from, uintptr_t address, int32_t device, uintptr_t stream) {
        cuda_copy_to_device(from.data(), at<void>(address), static_cast<int64_t>(from.size()), {device, stream});
      },
      "from_"_a.noconvert(), "address"_a, "device"_a, "stream"_a);
}

}  // namespace bench_freeze
