// Grids, offsets and byte counts of the CUDA back end, up to where they would overflow, and the score threshold on
// every float16. Exits with 1 and names what is wrong.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "cuda/match_plan.h"
#include "cuda/nms_task.h"

using namespace bench_freeze;

namespace {

void require(bool holds, const std::string& what) {
  if (holds) return;
  std::fprintf(stderr, "WRONG: %s\n", what.c_str());
  std::exit(1);
}

template <class Call>
bool is_refused(const Call& call) {
  try {
    call();
  } catch (const std::length_error&) {
    return true;
  }
  return false;
}

Head head_of(int64_t images, int64_t classes, int64_t anchors) {
  return {nullptr, HeadType::kFloat32, images, classes, anchors, (4 + classes) * anchors, anchors};
}

NmsSettings settings_of(int64_t max_candidates, bool multi_label = true) {
  return {0.5f, 0.5f, 300, max_candidates, multi_label, false, BoxFormat::kXyxy};
}

void check_products() {
  require(product(0, INT64_MAX) == 0 && product(INT64_MAX, 0) == 0, "a product with zero");
  require(product(46341, 46340, INT32_MAX) == 2147441940, "the largest product below 2^31");
  require(is_refused([] { product(46341, 46341, INT32_MAX); }), "a product just above 2^31");
  require(product(3037000499, 3037000499) == 9223372030926249001, "the largest square below 2^63");
  require(is_refused([] { product(3037000500, 3037000500); }), "a square above 2^63");
  require(is_refused([] { product(-1, 5); }), "a negative size");
  require(blocks_for(0, 256) == 0 && blocks_for(1, 256) == 1 && blocks_for(256, 256) == 1, "blocks for few");
  require(blocks_for(257, 256) == 2 && blocks_for(INT64_MAX, 256) == int64_t{1} << 55, "blocks for many");
}

void check_nms_limits() {
  const auto bytes = [](const Head& head, const NmsSettings& settings) {
    return plan_nms(head, settings, {}, nullptr).bytes;
  };
  require(bytes(head_of(0, 80, 8400), settings_of(300)) == 0, "no images, no bytes");
  require(bytes(head_of(1, 80, 0), settings_of(300)) > 0, "no anchors");
  // An image's scores are counted in 32 bits; 2^20 anchors leave 2^11 classes.
  require(!is_refused([&] { bytes(head_of(1, 2047, 1 << 20), settings_of(300)); }), "2^31 - 2^20 scores");
  require(is_refused([&] { bytes(head_of(1, 2048, 1 << 20), settings_of(300)); }), "2^31 scores");
  // A class and an anchor share 32 bits: 2^16 + 1 anchors take 17 of them.
  require(!is_refused([&] { bytes(head_of(1, 1 << 15, (1 << 16) - 1), settings_of(300)); }), "15 and 16 bits");
  require(is_refused([&] { bytes(head_of(1, (1 << 15) + 1, (1 << 15) + 1 + (1 << 15)), settings_of(300)); }),
          "16 and 17 bits");
  // Grids have a block for each image and class.
  require(!is_refused([&] { bytes(head_of(INT32_MAX, 1, 1), settings_of(1)); }), "2^31 - 1 blocks");
  require(is_refused([&] { bytes(head_of(1 << 21, 1 << 10, 1), settings_of(1)); }), "2^31 blocks");
  require(is_refused([&] { bytes(head_of(1 << 30, 1, 1 << 30), settings_of(INT64_MAX)); }), "an exabyte");
  require(plan_nms(head_of(2, 3, 10), settings_of(INT64_MAX), {}, nullptr).capacity == 30, "capacity is bounded");
  require(plan_nms(head_of(2, 3, 10), settings_of(INT64_MAX, false), {}, nullptr).capacity == 10, "by the anchors");
  require(plan_nms(head_of(2, 3, 10), settings_of(7), {}, nullptr).capacity == 7, "by the caller");
}

// Stretches of a workspace neither overlap nor leave it, and begin where any load may.
void check_nms_layout() {
  for (const bool multi_label : {true, false}) {
    const Head head = head_of(3, 5, 77);
    const int64_t bytes = plan_nms(head, settings_of(33, multi_label), {}, nullptr).bytes;
    char* const base = reinterpret_cast<char*>(uintptr_t{1} << 20);
    const NmsTask task = plan_nms(head, settings_of(33, multi_label), {}, base);
    require(task.bytes == bytes, "bytes depend on the memory");
    std::vector<std::pair<char*, int64_t>> stretches = {
        {reinterpret_cast<char*>(task.states), 3 * sizeof(ImageState)},
        {reinterpret_cast<char*>(task.classes), 3 * 5 * sizeof(Segment)},
        {reinterpret_cast<char*>(task.keys), 3 * 33 * 8},
        {reinterpret_cast<char*>(task.spare), 3 * 33 * 8},
        {reinterpret_cast<char*>(task.survivors), 3 * 33 * 8},
        {reinterpret_cast<char*>(task.boxes), 3 * 33 * 16},
        {reinterpret_cast<char*>(task.dropped), 3 * 33},
    };
    if (!multi_label) stretches.push_back({reinterpret_cast<char*>(task.best), 3 * 77 * 8});
    char* end = base;
    for (const auto& stretch : stretches) {
      require(stretch.first >= end, "stretches overlap");
      require(reinterpret_cast<uintptr_t>(stretch.first) % 256 == 0, "a stretch is not aligned");
      end = stretch.first + stretch.second;
    }
    require(end <= base + bytes, "a stretch leaves the workspace");
    require(task.state_bytes >= stretches[0].second && task.states == static_cast<void*>(base), "the cleared part");
  }
}

void check_match_limits() {
  const auto plan = [](int64_t images, int64_t classes, int64_t rows, int64_t truth_rows) {
    TruthIndex truth{};
    truth.classes = classes;
    CudaRanked detections{};
    detections.images = images;
    detections.rows = rows;
    return plan_match(truth, truth_rows, detections, {}, {}, nullptr).bytes;
  };
  require(plan(64, 80, 300, 0) == 0, "no ground truth, no bytes");
  require(plan(64, 80, 300, 36781) >= 36781 * int64_t{sizeof(Truth) + sizeof(Overlap)}, "bytes of ground truth");
  require(!is_refused([&] { plan(1, 1, 1, INT32_MAX); }), "2^31 - 1 rows of ground truth");
  require(is_refused([&] { plan(1, 1, 1, int64_t{1} << 31); }), "2^31 rows of ground truth");
  require(!is_refused([&] { plan(INT32_MAX, 1, 1, 0); }), "2^31 - 1 blocks");
  require(is_refused([&] { plan(1 << 16, 1 << 15, 1, 0); }), "2^31 blocks");
  require(is_refused([&] { plan(1 << 30, 1, int64_t{1} << 32, 0); }), "2^62 rows of boxes");
}

void check_threshold_of_halves() {
  for (const float value : {-INFINITY, -1.0f, -1e-9f, 0.0f, 1e-9f, 0.001f, 0.25f, 0.3f, 1.0f, 65504.0f, 7e4f}) {
    const ScoreThreshold threshold(value);
    for (int32_t bits = 0; bits < 65536; ++bits) {
      const int16_t half = static_cast<int16_t>(bits);
      require(threshold.passes(half) == threshold.passes(to_float(half)), "float16 above " + std::to_string(value));
      require(is_sound(half) == is_sound(to_float(half)), "a float16 that is no number");
    }
  }
}

void check_packing() {
  for (const int64_t anchors : {int64_t{1}, int64_t{2}, int64_t{8400}, int64_t{65536}, int64_t{65537}}) {
    const Packing packing(anchors);
    const uint64_t key = packing.pack(0.5f, 79, anchors - 1);
    require(packing.score(key) == 0.5f && packing.label(key) == 79 && packing.anchor(key) == anchors - 1, "packing");
    require(packing.pack(0.6f, 79, anchors - 1) < key && packing.pack(0.5f, 78, anchors - 1) < key, "order of packed");
  }
}

}  // namespace

int main() {
  check_products();
  check_nms_limits();
  check_nms_layout();
  check_match_limits();
  check_threshold_of_halves();
  check_packing();
  std::puts("right");
}
