// The device's stages, run by every host double, against the CPU back end: the same numbers, on inputs that tie and
// crowd. Exits with 1 and names the first difference.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "cpu/masks.h"
#include "device_on_host.h"
#include "inputs.h"

using namespace bench_freeze;

namespace {

void require(bool holds, const std::string& what) {
  if (holds) return;
  std::fprintf(stderr, "DIFFERENT: %s\n", what.c_str());
  std::exit(1);
}

// Calls check(name, run) with every double.
template <class Check>
void for_each_double(uint32_t seed, const Check& check) {
  Random random(seed);
  check("serial", Serial{});
  check("shuffled", Shuffled{&random});
  check("3 threads", Threads{3});
  check("8 threads", Threads{8});
}

void compare_nms(const RandomHead& input, const NmsSettings& settings, uint32_t seed, const std::string& name) {
  const int64_t images = input.head.images;
  OwnedDetections expected(images, settings.max_detections, false);
  const Fault fault = nms(input.head, settings, 1, expected.view().detections);
  for_each_double(seed, [&](const char* how, const auto& run) {
    const std::string where = name + ", " + how;
    OwnedDetections found(images, settings.max_detections, true);
    device_nms(input.head, settings, found.view(), run);
    if (fault.image >= 0) {
      const int64_t* record = found.fault.data() + 3 * fault.image;
      require(record[0] == fault.image && record[1] == fault.row && record[2] == fault.anchor, where + ": fault");
      require(found.count[fault.image] == 0, where + ": detections of a faulty image");
      for (int64_t image = 0; image < fault.image; ++image)
        require(found.fault[3 * image] < 0, where + ": first fault");
      return;
    }
    require(found.count == expected.count, where + ": count");
    require(found.dropped_candidates == expected.dropped_candidates, where + ": dropped_candidates");
    require(found.dropped_detections == expected.dropped_detections, where + ": dropped_detections");
    require(found.scores == expected.scores, where + ": scores");
    require(found.labels == expected.labels, where + ": labels");
    require(found.boxes == expected.boxes, where + ": boxes");
    for (int64_t image = 0; image < images; ++image) require(found.fault[3 * image] == -1, where + ": no fault");
  });
}

void check_drawn_heads(uint32_t seeds) {
  for (uint32_t seed = 0; seed < seeds; ++seed) {
    Random random(seed);
    const HeadType type = seed % 2 == 0 ? HeadType::kFloat32 : HeadType::kFloat16;
    RandomHead input(random, type, draw(random, 1, 2), draw(random, 1, 4), draw(random, 0, 150), draw(random, 1, 30),
                     draw(random, 0, 1) == 0 ? 6 : 1024);
    const NmsSettings settings = draw_settings(random);
    if (seed % 5 == 4 && input.head.anchors > 0) {
      const int32_t row = draw(random, 0, static_cast<int32_t>(input.head.classes) + 3);
      const int32_t anchor = draw(random, 0, static_cast<int32_t>(input.head.anchors) - 1);
      input.set(input.head.images - 1, row, anchor, draw(random, 0, 1) == 0 ? INFINITY : NAN, 0x7c00);
    }
    compare_nms(input, settings, seed, "drawn head " + std::to_string(seed));
  }
}

// Sizes beyond what shared memory holds, so that sorting, selecting and truncating go through the workspace.
void check_large_heads() {
  for (const HeadType type : {HeadType::kFloat32, HeadType::kFloat16}) {
    Random random(1);
    const RandomHead input(random, type, 1, 2, 3000, 250, 2000);
    NmsSettings settings{0.001f, 0.5f, 300, 30000, true, false, BoxFormat::kXyxy};
    const std::string name = type == HeadType::kFloat32 ? "large float32 head" : "large float16 head";
    compare_nms(input, settings, 1, name);
    settings.max_detections = 2600;
    compare_nms(input, settings, 2, name + ", many detections");
    settings.max_candidates = 2500;
    settings.class_agnostic = true;
    compare_nms(input, settings, 3, name + ", class-agnostic and truncated");
    settings.multi_label = false;
    compare_nms(input, settings, 4, name + ", single-label");
  }
}

void check_head_of_real_size() {
  Random random(2);
  const RandomHead input(random, HeadType::kFloat16, 1, 80, 8400, 600, 1024);
  compare_nms(input, {0.995f, 0.7f, 300, 30000, true, false, BoxFormat::kXyxy}, 1, "head of real size");
}

// The CPU back end's matches, in the rows of the batch.
struct ExpectedMatches {
  std::vector<uint64_t> true_positive, ignored;
  std::vector<int32_t> rank;
};

ExpectedMatches match_on_cpu(const RandomMatching& input, const MatchSettings& settings) {
  std::vector<int64_t> begin{0};
  std::vector<int32_t> order, label;
  std::vector<double> boxes, scores;
  std::vector<int64_t> row_of;  // of the batch, by row of the table
  for (int64_t i = 0; i < input.images; ++i) {
    for (int64_t at = i * input.rows; at < i * input.rows + input.count[i]; ++at) {
      order.push_back(static_cast<int32_t>(row_of.size()));
      row_of.push_back(at);
      label.push_back(input.label[at]);
      scores.push_back(input.scores[at]);
      boxes.insert(boxes.end(), input.boxes.begin() + 4 * at, input.boxes.begin() + 4 * at + 4);
    }
    begin.push_back(static_cast<int64_t>(row_of.size()));
  }
  const size_t rows = row_of.size();
  std::vector<int32_t> out_label(rows);
  std::vector<double> out_scores(rows);
  std::vector<uint8_t> true_positive(8 * rows), ignored(8 * rows);
  match(input.truth(),
        {input.images, input.image.data(), begin.data(), order.data(), label.data(), boxes.data(), scores.data()},
        settings, 1,
        {input.images, begin.data(), 8, out_label.data(), out_scores.data(), true_positive.data(), ignored.data()});

  const size_t all = static_cast<size_t>(input.images * input.rows);
  ExpectedMatches expected{std::vector<uint64_t>(all), std::vector<uint64_t>(all), std::vector<int32_t>(all, -1)};
  int64_t at = 0;
  for (int64_t i = 0; i < input.images; ++i) {
    for (int64_t label_here = 0; label_here < input.classes; ++label_here) {
      int32_t rank = 0;
      for (int64_t j = begin[i]; j < begin[i + 1]; ++j) {
        if (label[j] != label_here) continue;
        expected.true_positive[row_of[j]] = load_mask(true_positive.data() + 8 * at, 8);
        expected.ignored[row_of[j]] = load_mask(ignored.data() + 8 * at, 8);
        expected.rank[row_of[j]] = rank++;
        ++at;
      }
    }
  }
  return expected;
}

void check_matching(uint32_t seeds) {
  const double thresholds[] = {0.0, 0.25, 1.0 / 3, 0.5, 0.5, 0.75, 0.9, 1.0};
  const double ranges[] = {0, 1e10, 0, 8, 8, 24, 24, 1e10};
  for (uint32_t seed = 0; seed < seeds; ++seed) {
    Random random(seed);
    const RandomMatching input(random, draw(random, 1, 3), draw(random, 1, 3), draw(random, 1, 90));
    const MatchRule rules[] = {MatchRule::kCoco, MatchRule::kCoco, MatchRule::kUltralytics, MatchRule::kVoc};
    const MatchSettings settings{rules[seed % 4], seed % 3 == 0 ? 1 : 8, thresholds, 4, ranges};
    const ExpectedMatches expected = match_on_cpu(input, settings);
    for_each_double(seed, [&](const char* how, const auto& run) {
      const std::string where = "matching " + std::to_string(seed) + ", " + how;
      std::vector<uint64_t> true_positive(expected.rank.size(), 7), ignored(expected.rank.size(), 7);
      std::vector<int32_t> rank(expected.rank.size(), 7), fault(static_cast<size_t>(input.images), 7);
      device_match(input.truth(), input.truth_begin.back(), input.ranked(), make_lanes(settings),
                   {true_positive.data(), ignored.data(), rank.data(), fault.data()}, run);
      require(fault == std::vector<int32_t>(fault.size(), 0), where + ": fault");
      require(rank == expected.rank, where + ": rank");
      require(true_positive == expected.true_positive, where + ": true positives");
      require(ignored == expected.ignored, where + ": ignored");
    });
  }
}

void check_match_faults() {
  const double threshold = 0.5;
  const double range[] = {0, 1e10};
  const MatchSettings settings{MatchRule::kCoco, 1, &threshold, 1, range};
  const auto fault_of = [&](const auto& spoil) {
    Random random(1);
    RandomMatching input(random, 3, 2, 5);
    input.count.assign(3, 5);
    spoil(input);
    std::vector<uint64_t> true_positive(15), ignored(15);
    std::vector<int32_t> rank(15), fault(3);
    device_match(input.truth(), input.truth_begin.back(), input.ranked(), make_lanes(settings),
                 {true_positive.data(), ignored.data(), rank.data(), fault.data()}, Threads{4});
    return static_cast<MatchFault>(fault[1]);
  };
  require(fault_of([](RandomMatching&) {}) == MatchFault::kNone, "no fault");
  require(fault_of([](RandomMatching& m) { m.image[1] = 3; }) == MatchFault::kImage, "fault: unknown image");
  require(fault_of([](RandomMatching& m) { m.count[1] = 6; }) == MatchFault::kImage, "fault: count");
  require(fault_of([](RandomMatching& m) { m.label[7] = 2; }) == MatchFault::kLabel, "fault: unknown class");
  require(fault_of([](RandomMatching& m) { m.scores[8] = 2; }) == MatchFault::kOrder, "fault: order");
  require(fault_of([](RandomMatching& m) { m.scores[9] = NAN; }) == MatchFault::kOrder, "fault: NaN");
  require(fault_of([](RandomMatching& m) { m.image[0] = m.image[1]; }) == MatchFault::kTwice, "fault: image twice");
}

}  // namespace

int main() {
  check_drawn_heads(120);
  check_large_heads();
  check_head_of_real_size();
  check_matching(60);
  check_match_faults();
  std::puts("equal");
}
