// Python bindings of the evaluator. Every call checks its arrays; the objects here keep them alive between calls.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <vector>

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

  int64_t rows() const { return static_cast<int64_t>(label.shape(0)); }

  // Sizes are checked here, rows only where a call reads them.
  TruthIndex index() const {
    return checked(TruthArrays{classes, all_of(begin), all_of(label), all_of(boxes), all_of(area), all_of(is_crowd),
                               all_of(is_void)});
  }

  TruthIndex whole_index() const {
    const TruthIndex truth = index();
    check_every_image(truth, rows());
    return truth;
  }
};

// The IoU thresholds and area ranges for which detections are matched, by one rule.
struct Lattice {
  int32_t rule;
  In<double, -1> iou_thresholds;
  In<double, -1, 2> area_ranges;

  Lattice(int32_t rule_, In<double, -1> iou_thresholds_, In<double, -1, 2> area_ranges_)
      : rule(rule_), iou_thresholds(iou_thresholds_), area_ranges(area_ranges_) {
    settings();
  }

  MatchSettings settings() const { return checked_settings(rule, all_of(iou_thresholds), all_of(area_ranges)); }

  int64_t lanes() const { return static_cast<int64_t>(iou_thresholds.shape(0) * area_ranges.shape(0)); }
};

// Matches that are only read. The entry points have one type for reading and writing.
MatchTable read_table(const BoundTruth& truth, int64_t lanes, const In<int64_t, -1>& begin,
                      const In<int32_t, -1>& label, const In<double, -1>& scores,
                      const In<uint8_t, -1, -1>& true_positive, const In<uint8_t, -1, -1>& ignored) {
  const auto writeable = [](const auto& array) {
    using Item = std::remove_const_t<std::remove_pointer_t<decltype(array.data())>>;
    return Array<Item>{const_cast<Item*>(array.data()), static_cast<int64_t>(array.size())};
  };
  return checked_input(
      {all_of(begin), writeable(label), writeable(scores), writeable(true_positive), writeable(ignored)}, truth.classes,
      lanes);
}

void py_order_by_image(In<int32_t, -1> image, Out<int64_t, -1> begin, Out<int32_t, -1> order) {
  check_images(all_of(image), all_of(begin), all_of(order));
  nb::gil_scoped_release release;
  order_by_image(static_cast<int64_t>(image.shape(0)), image.data(), static_cast<int64_t>(begin.shape(0)) - 1,
                 begin.data(), order.data());
}

int64_t py_match(const BoundTruth& truth, const Lattice& lattice, In<int32_t, -1> image, In<int64_t, -1> begin,
                 In<int32_t, -1> order, In<int32_t, -1> label, In<double, -1, 4> boxes, In<double, -1> scores,
                 int64_t threads, Out<int32_t, -1> out_label, Out<double, -1> out_scores,
                 Out<uint8_t, -1, -1> out_true_positive, Out<uint8_t, -1, -1> out_ignored) {
  const TruthIndex index = truth.index();
  const MatchSettings settings = lattice.settings();
  const DetectionBatch batch =
      checked(BatchArrays{all_of(image), all_of(begin), all_of(order), all_of(label), all_of(boxes), all_of(scores)},
              index, truth.rows());
  const MatchTable out = checked_output(
      {all_of(begin), all_of(out_label), all_of(out_scores), all_of(out_true_positive), all_of(out_ignored)}, settings);
  if (out_label.shape(0) != label.shape(0))
    throw std::invalid_argument("matches: arrays differ in their number of rows");
  nb::gil_scoped_release release;
  return match(index, batch, settings, threads, out);
}

// One update's matches.
struct BoundPart {
  In<int32_t, -1> image;
  In<int64_t, -1> begin;
  In<int32_t, -1> label;
  In<double, -1> scores;
  In<uint8_t, -1, -1> true_positive;
  In<uint8_t, -1, -1> ignored;

  BoundPart(In<int32_t, -1> image_, In<int64_t, -1> begin_, In<int32_t, -1> label_, In<double, -1> scores_,
            In<uint8_t, -1, -1> true_positive_, In<uint8_t, -1, -1> ignored_)
      : image(image_),
        begin(begin_),
        label(label_),
        scores(scores_),
        true_positive(true_positive_),
        ignored(ignored_) {}
};

std::tuple<int64_t, int64_t> py_accumulate(const BoundTruth& truth, const Lattice& lattice,
                                           const std::vector<const BoundPart*>& parts, In<double, -1> recall_thresholds,
                                           In<int64_t, -1> max_detections, int64_t threads,
                                           Out<double, -1, -1, -1, -1, -1> precision,
                                           Out<double, -1, -1, -1, -1> recall,
                                           Out<double, -1, -1, -1, -1, -1> score_tensor) {
  const TruthIndex index = truth.whole_index();
  const MatchSettings settings = lattice.settings();
  const CurveSettings curves = checked_curves(all_of(recall_thresholds), all_of(max_detections));
  const CocoTensors tensors =
      checked_tensors(all_of(precision), all_of(recall), all_of(score_tensor), index.classes, settings, curves);
  std::vector<MatchPart> read;
  for (const BoundPart* part : parts) {
    if (part == nullptr) throw std::invalid_argument("matches: a part is None");
    const MatchTable table =
        read_table(truth, lattice.lanes(), part->begin, part->label, part->scores, part->true_positive, part->ignored);
    read.push_back({part->image.data(), table});
    if (static_cast<int64_t>(part->image.size()) != table.images) {
      throw std::invalid_argument("matches: images of another number");
    }
  }
  const int64_t count = static_cast<int64_t>(read.size());
  check_parts(read.data(), count, index.images);
  CurveCounts counts;
  {
    nb::gil_scoped_release release;
    counts = accumulate(index, read.data(), count, settings, curves, threads, tensors);
  }
  return {counts.tied, counts.truncated};
}

void py_raw_curves(const BoundTruth& truth, int64_t lane, In<int64_t, -1> begin, In<int32_t, -1> label,
                   In<double, -1> scores, In<uint8_t, -1, -1> true_positive, In<uint8_t, -1, -1> ignored,
                   Out<int64_t, -1> class_begin, Out<int32_t, -1> false_positives,
                   Out<int32_t, -1> false_positives_tied, Out<double, -1> curve_scores) {
  const TruthIndex index = truth.whole_index();
  const MatchTable table = read_table(truth, 0, begin, label, scores, true_positive, ignored);
  const RawCurves out = checked_raw_curves(index, table, lane, all_of(class_begin), all_of(false_positives),
                                           all_of(false_positives_tied), all_of(curve_scores));
  nb::gil_scoped_release release;
  raw_curves(index, table, lane, out);
}

void py_bootstrap(const BoundTruth& truth, const Lattice& lattice, In<int64_t, -1> begin, In<int32_t, -1> label,
                  In<double, -1> scores, In<uint8_t, -1, -1> true_positive, In<uint8_t, -1, -1> ignored,
                  In<double, -1> recall_thresholds, int64_t max_detections, uint64_t seed, In<int32_t, -1, -1> weights,
                  int64_t threads, Out<double, -1, -1, -1> ap) {
  const TruthIndex index = truth.whole_index();
  const MatchSettings settings = lattice.settings();
  const CurveSettings curves = checked_curves(all_of(recall_thresholds), {&max_detections, 1});
  const MatchTable table = read_table(truth, lattice.lanes(), begin, label, scores, true_positive, ignored);
  const Resampling resampling{static_cast<int64_t>(ap.shape(0)), seed, weights.shape(0) ? weights.data() : nullptr};
  check_resampling(index, table, settings, resampling, static_cast<int64_t>(weights.size()),
                   static_cast<int64_t>(ap.size()));
  nb::gil_scoped_release release;
  bootstrap(index, table, settings, curves, resampling, threads, ap.data());
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
  nb::class_<BoundPart>(module, "MatchPart")
      .def(nb::init<In<int32_t, -1>, In<int64_t, -1>, In<int32_t, -1>, In<double, -1>, In<uint8_t, -1, -1>,
                    In<uint8_t, -1, -1>>(),
           "image"_a.noconvert(), "begin"_a.noconvert(), "label"_a.noconvert(), "scores"_a.noconvert(),
           "true_positive"_a.noconvert(), "ignored"_a.noconvert());
  module.def("accumulate", &py_accumulate, "truth"_a, "lattice"_a, "parts"_a, "recall_thresholds"_a.noconvert(),
             "max_detections"_a.noconvert(), "threads"_a, "precision"_a.noconvert(), "recall"_a.noconvert(),
             "score_tensor"_a.noconvert());
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
