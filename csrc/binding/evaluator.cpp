// The evaluator's border with Python. Arrays were checked by ext.py; the objects here keep them alive between calls.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/tuple.h>

#include <tuple>

#include "binding/arrays.h"
#include "score.h"

namespace bench_freeze {
namespace {

// Ground truth as in score.h.
struct BoundTruth {
  int64_t classes;
  In<int64_t, -1> begin;
  In<int32_t, -1> label;
  In<double, -1, 4> boxes;
  In<double, -1> area;
  In<uint8_t, -1> is_crowd;
  In<uint8_t, -1> is_void;

  BoundTruth(int64_t classes_count, In<int64_t, -1> begin_, In<int32_t, -1> label_, In<double, -1, 4> boxes_,
             In<double, -1> area_, In<uint8_t, -1> is_crowd_, In<uint8_t, -1> is_void_)
      : classes(classes_count),
        begin(begin_),
        label(label_),
        boxes(boxes_),
        area(area_),
        is_crowd(is_crowd_),
        is_void(is_void_) {}

  TruthIndex index() const {
    return {static_cast<int64_t>(begin.shape(0)) - 1,
            classes,
            begin.data(),
            label.data(),
            boxes.data(),
            area.data(),
            is_crowd.data(),
            is_void.data()};
  }
};

// What a detection is matched for: IoU thresholds and area ranges, by one rule.
struct Lattice {
  MatchRule rule;
  In<double, -1> iou_thresholds;
  In<double, -1, 2> area_ranges;

  Lattice(int32_t rule_, In<double, -1> iou_thresholds_, In<double, -1, 2> area_ranges_)
      : rule(static_cast<MatchRule>(rule_)), iou_thresholds(iou_thresholds_), area_ranges(area_ranges_) {}

  MatchSettings settings() const {
    return {rule, static_cast<int64_t>(iou_thresholds.shape(0)), iou_thresholds.data(),
            static_cast<int64_t>(area_ranges.shape(0)), area_ranges.data()};
  }
};

// Matches that are only read; the entry points share one type with those that write.
MatchTable read_table(const In<int64_t, -1>& begin, const In<int32_t, -1>& label, const In<double, -1>& scores,
                      const In<uint8_t, -1, -1>& true_positive, const In<uint8_t, -1, -1>& ignored) {
  return {static_cast<int64_t>(begin.shape(0)) - 1,     begin.data(),
          static_cast<int64_t>(true_positive.shape(1)), const_cast<int32_t*>(label.data()),
          const_cast<double*>(scores.data()),           const_cast<uint8_t*>(true_positive.data()),
          const_cast<uint8_t*>(ignored.data())};
}

void py_order_by_image(In<int32_t, -1> image, Out<int64_t, -1> begin, Out<int32_t, -1> order) {
  nb::gil_scoped_release release;
  order_by_image(static_cast<int64_t>(image.shape(0)), image.data(), static_cast<int64_t>(begin.shape(0)) - 1,
                 begin.data(), order.data());
}

int64_t py_match(const BoundTruth& truth, const Lattice& lattice, In<int32_t, -1> image, In<int64_t, -1> begin,
                 In<int32_t, -1> order, In<int32_t, -1> label, In<double, -1, 4> boxes, In<double, -1> scores,
                 int64_t threads, Out<int32_t, -1> out_label, Out<double, -1> out_scores,
                 Out<uint8_t, -1, -1> out_true_positive, Out<uint8_t, -1, -1> out_ignored) {
  const DetectionBatch batch{static_cast<int64_t>(image.shape(0)),
                             image.data(),
                             begin.data(),
                             order.data(),
                             label.data(),
                             boxes.data(),
                             scores.data()};
  const MatchTable out{batch.images,      batch.begin,       static_cast<int64_t>(out_true_positive.shape(1)),
                       out_label.data(),  out_scores.data(), out_true_positive.data(),
                       out_ignored.data()};
  nb::gil_scoped_release release;
  return match(truth.index(), batch, lattice.settings(), threads, out);
}

std::tuple<int64_t, int64_t> py_accumulate(const BoundTruth& truth, const Lattice& lattice, In<int64_t, -1> begin,
                                           In<int32_t, -1> label, In<double, -1> scores,
                                           In<uint8_t, -1, -1> true_positive, In<uint8_t, -1, -1> ignored,
                                           In<double, -1> recall_thresholds, In<int64_t, -1> max_detections,
                                           int64_t threads, Out<double, -1, -1, -1, -1, -1> precision,
                                           Out<double, -1, -1, -1, -1> recall,
                                           Out<double, -1, -1, -1, -1, -1> score_tensor) {
  const CurveSettings curves{static_cast<int64_t>(recall_thresholds.shape(0)), recall_thresholds.data(),
                             static_cast<int64_t>(max_detections.shape(0)), max_detections.data()};
  const CocoTensors tensors{precision.data(), recall.data(), score_tensor.data()};
  const MatchTable table = read_table(begin, label, scores, true_positive, ignored);
  CurveCounts counts;
  {
    nb::gil_scoped_release release;
    counts = accumulate(truth.index(), table, lattice.settings(), curves, threads, tensors);
  }
  return {counts.tied, counts.truncated};
}

void py_raw_curves(const BoundTruth& truth, int64_t lane, In<int64_t, -1> begin, In<int32_t, -1> label,
                   In<double, -1> scores, In<uint8_t, -1, -1> true_positive, In<uint8_t, -1, -1> ignored,
                   Out<int64_t, -1> class_begin, Out<int32_t, -1> false_positives,
                   Out<int32_t, -1> false_positives_tied, Out<double, -1> curve_scores) {
  const MatchTable table = read_table(begin, label, scores, true_positive, ignored);
  const RawCurves out{class_begin.data(), false_positives.data(), false_positives_tied.data(), curve_scores.data()};
  nb::gil_scoped_release release;
  raw_curves(truth.index(), table, lane, out);
}

void py_bootstrap(const BoundTruth& truth, const Lattice& lattice, In<int64_t, -1> begin, In<int32_t, -1> label,
                  In<double, -1> scores, In<uint8_t, -1, -1> true_positive, In<uint8_t, -1, -1> ignored,
                  In<double, -1> recall_thresholds, int64_t max_detections, uint64_t seed, In<int32_t, -1, -1> weights,
                  int64_t threads, Out<double, -1, -1, -1> ap) {
  const CurveSettings curves{static_cast<int64_t>(recall_thresholds.shape(0)), recall_thresholds.data(), 1,
                             &max_detections};
  const MatchTable table = read_table(begin, label, scores, true_positive, ignored);
  const Resampling resampling{static_cast<int64_t>(ap.shape(0)), seed, weights.shape(0) ? weights.data() : nullptr};
  nb::gil_scoped_release release;
  bootstrap(truth.index(), table, lattice.settings(), curves, resampling, threads, ap.data());
}

}  // namespace

void bind_evaluator(nb::module_& module) {
  using namespace nb::literals;
  nb::class_<BoundTruth>(module, "Truth")
      .def(nb::init<int64_t, In<int64_t, -1>, In<int32_t, -1>, In<double, -1, 4>, In<double, -1>, In<uint8_t, -1>,
                    In<uint8_t, -1>>(),
           "classes"_a, "begin"_a.noconvert(), "label"_a.noconvert(), "boxes"_a.noconvert(), "area"_a.noconvert(),
           "is_crowd"_a.noconvert(), "is_void"_a.noconvert());
  nb::class_<Lattice>(module, "Lattice")
      .def(nb::init<int32_t, In<double, -1>, In<double, -1, 2>>(), "rule"_a, "iou_thresholds"_a.noconvert(),
           "area_ranges"_a.noconvert());
  module.def("order_by_image", &py_order_by_image, "image"_a.noconvert(), "begin"_a.noconvert(), "order"_a.noconvert());
  module.def("match", &py_match, "truth"_a, "lattice"_a, "image"_a.noconvert(), "begin"_a.noconvert(),
             "order"_a.noconvert(), "label"_a.noconvert(), "boxes"_a.noconvert(), "scores"_a.noconvert(), "threads"_a,
             "out_label"_a.noconvert(), "out_scores"_a.noconvert(), "out_true_positive"_a.noconvert(),
             "out_ignored"_a.noconvert());
  module.def("accumulate", &py_accumulate, "truth"_a, "lattice"_a, "begin"_a.noconvert(), "label"_a.noconvert(),
             "scores"_a.noconvert(), "true_positive"_a.noconvert(), "ignored"_a.noconvert(),
             "recall_thresholds"_a.noconvert(), "max_detections"_a.noconvert(), "threads"_a, "precision"_a.noconvert(),
             "recall"_a.noconvert(), "score_tensor"_a.noconvert());
  module.def("raw_curves", &py_raw_curves, "truth"_a, "lane"_a, "begin"_a.noconvert(), "label"_a.noconvert(),
             "scores"_a.noconvert(), "true_positive"_a.noconvert(), "ignored"_a.noconvert(),
             "class_begin"_a.noconvert(), "false_positives"_a.noconvert(), "false_positives_tied"_a.noconvert(),
             "curve_scores"_a.noconvert());
  module.def("bootstrap", &py_bootstrap, "truth"_a, "lattice"_a, "begin"_a.noconvert(), "label"_a.noconvert(),
             "scores"_a.noconvert(), "true_positive"_a.noconvert(), "ignored"_a.noconvert(),
             "recall_thresholds"_a.noconvert(), "max_detections"_a, "seed"_a, "weights"_a.noconvert(), "threads"_a,
             "ap"_a.noconvert());
}

}  // namespace bench_freeze
