// The CPU back end on several threads, for ThreadSanitizer: every step of scoring, whose result must be that of one
// thread. `threads planted` lets the workers of cpu/parallel.h share one counter, which must be reported as a race.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>

#include "cpu/parallel.h"
#include "inputs.h"
#include "score.h"

using namespace bench_freeze;

namespace {

constexpr int64_t kImages = 200;  // stretches of several kinds for every thread
constexpr int64_t kClasses = 7;
constexpr int64_t kThreads = 4;

template <class Value>
using Column = std::vector<Value>;

struct Selected {
  Column<float> boxes, scores;
  Column<int32_t> labels, count;
  Column<int64_t> dropped_candidates, dropped_detections;
  Fault fault;

  bool operator==(const Selected& other) const {
    return boxes == other.boxes && scores == other.scores && labels == other.labels && count == other.count &&
           dropped_candidates == other.dropped_candidates && dropped_detections == other.dropped_detections &&
           fault.image == other.fault.image && fault.row == other.fault.row && fault.anchor == other.fault.anchor;
  }
};

// `is_faulty` plants values that are not finite into two images: the first one must be told, whoever finds it.
Selected select(HeadType type, bool is_faulty, int64_t threads) {
  Random random(3);
  constexpr int64_t kMost = 20;
  RandomHead input(random, type, 12, 3, 90, 30, 1024);
  for (const int64_t image : {7, 9}) {
    const int64_t place = image * input.head.image_stride + 5 * input.head.row_stride + image;
    if (is_faulty && type == HeadType::kFloat32) input.floats[place] = INFINITY;
    if (is_faulty && type == HeadType::kFloat16) input.halves[place] = 0x7c00;
  }
  const NmsSettings settings{0.1f, 0.4f, kMost, 100, true, false, BoxFormat::kXyxy};
  Selected out;
  out.boxes.resize(12 * kMost * 4);
  out.scores.resize(12 * kMost);
  out.labels.resize(12 * kMost);
  out.count.resize(12);
  out.dropped_candidates.resize(12);
  out.dropped_detections.resize(12);
  out.fault = nms(input.head, settings, threads,
                  {out.boxes.data(), out.scores.data(), out.labels.data(), out.count.data(),
                   out.dropped_candidates.data(), out.dropped_detections.data()});
  return out;
}

struct Scored {
  Column<int32_t> label;
  Column<double> scores, precision, recall, score_tensor, ap;
  Column<uint8_t> true_positive, ignored;
  int64_t near, tied, truncated;

  bool operator==(const Scored& other) const {
    return label == other.label && scores == other.scores && precision == other.precision && recall == other.recall &&
           score_tensor == other.score_tensor && ap == other.ap && true_positive == other.true_positive &&
           ignored == other.ignored && near == other.near && tied == other.tied && truncated == other.truncated;
  }
};

Scored score(int64_t threads) {
  Random random(4);
  Column<int64_t> truth_begin{0}, begin(kImages + 1);
  Column<int32_t> truth_label, image, images, label, order;
  Column<double> truth_boxes, area, boxes, scores;
  Column<uint8_t> is_crowd, is_void;
  const auto add_box = [&](Column<double>* to) {
    for (const int32_t most : {20, 20, 9, 9}) to->push_back(draw(random, 1, most));
  };
  for (int32_t i = 0; i < kImages; ++i) {
    images.push_back(i);
    for (int32_t c = 0; c < kClasses; ++c) {
      for (int32_t n = draw(random, 0, 2); n > 0; --n) {
        truth_label.push_back(c);
        add_box(&truth_boxes);
        area.push_back(draw(random, 1, 80));
        is_crowd.push_back(draw(random, 0, 9) == 0);
        is_void.push_back(0);
      }
    }
    truth_begin.push_back(static_cast<int64_t>(truth_label.size()));
    for (int32_t n = draw(random, 0, 30); n > 0; --n) {
      image.push_back(i);
      label.push_back(draw(random, 0, kClasses - 1));
      add_box(&boxes);
      scores.push_back(draw(random, 1, 200) / 200.0);
    }
  }
  const size_t rows = image.size();
  order.resize(rows);
  order_by_image(static_cast<int64_t>(rows), image.data(), kImages, begin.data(), order.data());

  const TruthIndex truth{kImages,     kClasses,        truth_begin.data(), truth_label.data(), truth_boxes.data(),
                         area.data(), is_crowd.data(), is_void.data()};
  const DetectionBatch batch{kImages,      images.data(), begin.data(), order.data(),
                             label.data(), boxes.data(),  scores.data()};
  const Column<double> ious{0.3, 0.5, 0.7}, ranges{0, 1e10, 0, 30}, recalls{0, 0.25, 0.5, 0.75, 1};
  const Column<int64_t> maxima{1, 10};
  const MatchSettings settings{MatchRule::kCoco, 3, ious.data(), 2, ranges.data()};
  Scored out;
  out.label.resize(rows);
  out.scores.resize(rows);
  out.true_positive.resize(rows);
  out.ignored.resize(rows);
  const MatchTable table{
      kImages, begin.data(), 1, out.label.data(), out.scores.data(), out.true_positive.data(), out.ignored.data()};
  out.near = match(truth, batch, settings, threads, table);

  out.precision.resize(3 * 5 * kClasses * 2 * 2);
  out.score_tensor.resize(out.precision.size());
  out.recall.resize(3 * kClasses * 2 * 2);
  const CurveSettings curves{5, recalls.data(), 2, maxima.data()};
  const MatchPart part{nullptr, table};
  const CurveCounts counts = accumulate(truth, &part, 1, settings, curves, threads,
                                        {out.precision.data(), out.recall.data(), out.score_tensor.data()});
  out.tied = counts.tied;
  out.truncated = counts.truncated;

  out.ap.resize(40 * kClasses * 3);
  bootstrap(truth, table, settings, {5, recalls.data(), 1, maxima.data()}, {40, 9, nullptr}, threads, out.ap.data());
  return out;
}

// The planted fault: state that workers share without saying so.
int64_t count_together() {
  int64_t count = 0;
  struct Counter {
    int64_t* count;
    void run(int64_t begin, int64_t end) { *count += end - begin; }
  };
  share_out(100000, 1, kThreads, [&] { return Counter{&count}; });
  return count;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "planted") == 0) return count_together() < 0;
  for (const HeadType type : {HeadType::kFloat32, HeadType::kFloat16}) {
    for (const bool is_faulty : {false, true}) {
      const Selected alone = select(type, is_faulty, 1);
      if ((alone.fault.image >= 0) != is_faulty) return std::puts("the planted value was not found"), 1;
      // after a fault only the fault is defined
      const Selected together = select(type, is_faulty, kThreads);
      const bool same = is_faulty ? alone.fault.image == together.fault.image : alone == together;
      if (!same) return std::puts("nms differs"), 1;
    }
  }
  if (!(score(1) == score(kThreads))) return std::puts("scoring differs"), 1;
  std::puts("equal");
}
