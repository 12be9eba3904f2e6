// One block of real threads per algorithm, for ThreadSanitizer: `barriers NAME` runs it as it is and prints the
// barriers it came by, `barriers NAME FILE LINE` runs it without that one, which must be reported as a race. `barriers`
// names the algorithms. `barriers parallel-greedy` runs suppression with its serial loop made parallel, and exits with
// 1 where the result is wrong.
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>

#include "core/letterbox_band.h"
#include "device_on_host.h"
#include "inputs.h"
#include "letterboxes.h"

using namespace bench_freeze;

namespace {

constexpr int64_t kCount = 96;  // more than a tile, not a multiple of the lanes

std::vector<uint64_t> drawn_keys() {
  Random random(5);
  std::vector<uint64_t> keys;
  for (int64_t i = 0; i < kCount; ++i) keys.push_back(static_cast<uint64_t>(random()) << 20 | static_cast<uint64_t>(i));
  return keys;
}

std::vector<BoxXyxy> drawn_boxes() {
  Random random(6);
  std::vector<BoxXyxy> boxes;
  for (int64_t i = 0; i < kCount; ++i) {
    const float x = static_cast<float>(draw(random, 0, 9));
    const float y = static_cast<float>(draw(random, 0, 9));
    boxes.push_back({x, y, x + 6, y + 6});
  }
  return boxes;
}

// As sort_distinct promises: after it, every lane may read all of the result.
void run_sort(const Threads& run) {
  std::vector<uint64_t> keys = drawn_keys();
  std::vector<uint64_t> spare(keys.size());
  std::vector<uint64_t> sums(4);
  run([&](const ThreadGroup& group) {
    const uint64_t* sorted = sort_distinct(group, keys.data(), spare.data(), kCount);
    for (int64_t i = 0; i < kCount; ++i) sums[group.lane] += sorted[i];
  });
}

void run_select(const Threads& run) {
  const std::vector<uint64_t> keys = drawn_keys();
  const auto shared = shared_memory<SelectShared>();
  run([&](const ThreadGroup& group) {
    const auto visit = [&](const auto& function) { group.for_each(0, kCount, [&](int64_t i) { function(keys[i]); }); };
    select_smallest(group, visit, kCount / 2, shared.get());
  });
}

void run_suppress(const Threads& run) {
  const std::vector<BoxXyxy> boxes = drawn_boxes();
  std::vector<uint8_t> dropped(kCount, 0);
  std::vector<int64_t> sums(4);
  const auto tile = shared_memory<SuppressTile>();
  run([&](const ThreadGroup& group) {
    suppress(group, boxes.data(), kCount, 0.3f, dropped.data(), tile.get());
    for (int64_t i = 0; i < kCount; ++i) sums[group.lane] += dropped[i];
  });
}

// The stages, on one image of one class; a barrier is missing in one of them only.
enum Stage { kScan, kTruncate, kSuppress, kFinish };

void run_stage(Stage faulty, const Threads& run_faulty) {
  Random random(7);
  const RandomHead input(random, HeadType::kFloat32, 1, 2, kCount, 40, 1024);
  const NmsSettings settings{0.01f, 0.3f, 50, faulty == kTruncate ? 70 : 30000, true, false, BoxFormat::kXyxy};
  OwnedDetections out(1, settings.max_detections, true);
  Workspace workspace(plan_nms(input.head, settings, out.view(), nullptr).bytes);
  const NmsTask task = plan_nms(input.head, settings, out.view(), workspace.data());
  std::memset(static_cast<void*>(task.states), 0, static_cast<size_t>(task.state_bytes));
  const auto run = [&](Stage stage, const auto& body) {
    if (stage == faulty) {
      run_faulty(body);
    } else {
      Threads{4}(body);
    }
  };
  for (int64_t label = 0; label < 2; ++label) {
    const auto shared = shared_memory<ScanShared>();
    run(kScan, [&](const auto& group) { scan_class<float>(group, task, 0, label, shared.get()); });
  }
  const auto truncating = shared_memory<TruncateShared>();
  run(kTruncate, [&](const auto& group) { truncate<float>(group, task, 0, truncating.get()); });
  for (int64_t label = 0; label < 2; ++label) {
    const auto shared = shared_memory<SuppressShared>();
    run(kSuppress, [&](const auto& group) { suppress_segment<float>(group, task, 0, label, shared.get()); });
  }
  const auto finishing = shared_memory<FinishShared>();
  run(kFinish, [&](const auto& group) { finish<float>(group, task, 0, finishing.get()); });
}

// More survivors than shared memory sorts, so that the best are selected first.
void run_finish_many(const Threads& run) {
  constexpr int64_t kMany = 2100;
  Random random(7);
  const RandomHead input(random, HeadType::kFloat32, 1, 1, kMany, 40, 1024);
  const NmsSettings settings{0, 0.3f, 50, 30000, true, false, BoxFormat::kXyxy};
  OwnedDetections out(1, settings.max_detections, true);
  Workspace workspace(plan_nms(input.head, settings, out.view(), nullptr).bytes);
  const NmsTask task = plan_nms(input.head, settings, out.view(), workspace.data());
  task.states[0] = {0, 0, kMany, kMany};
  for (int64_t i = 0; i < kMany; ++i) task.survivors[i] = task.packing.pack(static_cast<float>(i), 0, i);
  const auto shared = shared_memory<FinishShared>();
  run([&](const auto& group) { finish<float>(group, task, 0, shared.get()); });
}

// One image, one class and, with `truths` above 1, the path where every lane chooses for itself.
void run_match(int32_t truths, const Threads& run) {
  Random random(8);
  RandomMatching input(random, 1, 2, 70);
  input.count[0] = 66;  // two words of chosen rows, few of them of the class
  for (int64_t row = 0; row < 70; ++row) input.label[row] = row % 33 == 0 ? 0 : 1;
  input.truth_label.assign(static_cast<size_t>(truths), 0);
  input.truth_begin = {0, truths};
  input.is_crowd.assign(static_cast<size_t>(truths), 0);
  input.is_void.assign(static_cast<size_t>(truths), 0);
  input.truth_area.assign(static_cast<size_t>(truths), 9);
  input.truth_boxes.clear();
  for (int32_t i = 0; i < truths; ++i) input.truth_boxes.insert(input.truth_boxes.end(), {1.0 * i, 1, 3, 3});
  for (double& value : input.boxes) value = value > 2 ? value : 3;

  MatchTask task{};
  task.truth = input.truth();
  task.detections = input.ranked();
  task.lanes.thresholds = 4;
  task.lanes.areas = 1;
  task.lanes.every_area = 1;
  for (int32_t t = 0; t < 4; ++t) task.lanes.lowest_iou[t] = 0.1 * t;
  task.lanes.area_ranges[1] = 1e10;
  std::vector<Truth> state(static_cast<size_t>(truths));
  std::vector<Overlap> overlaps(static_cast<size_t>(truths));
  std::vector<uint64_t> true_positive(70), ignored(70);
  std::vector<int32_t> rank(70), fault(1);
  task.truths = state.data();
  task.overlaps = overlaps.data();
  task.out = {true_positive.data(), ignored.data(), rank.data(), fault.data()};
  const auto shared = shared_memory<MatchShared>();
  run([&](const ThreadGroup& group) { match_class(group, task, 0, 0, shared.get()); });
}

// As match_detection promises: after it, every lane may read the outcome.
void run_match_detection(int32_t count, const Threads& run) {
  const double box[] = {0, 0, 3, 3};
  Lanes lanes;
  lanes.thresholds = 4;
  lanes.areas = 1;
  lanes.every_area = 1;
  std::vector<Truth> truths;
  std::vector<Overlap> overlaps;
  for (int32_t i = 0; i < count; ++i) {
    truths.push_back({box, 0, 0, false, false});
    overlaps.push_back({i, 0.5});
  }
  Outcome outcome{0, 0};
  std::vector<uint64_t> found(4);
  run([&](const ThreadGroup& group) {
    match_detection(group, lanes, truths.data(), overlaps.data(), count, 0, &outcome);
    found[group.lane] = outcome.true_positive;
  });
}

void run_check(const Threads& run) {
  Random random(9);
  RandomMatching input(random, 2, 1, 20);
  input.image.assign(2, 0);  // a fault to report
  std::vector<uint64_t> true_positive(40), ignored(40);
  std::vector<int32_t> rank(40), fault(2);
  MatchTask task{};
  task.truth = input.truth();
  task.detections = input.ranked();
  task.out = {true_positive.data(), ignored.data(), rank.data(), fault.data()};
  const auto worst = shared_memory<uint64_t>();
  run([&](const ThreadGroup& group) { check_image(group, task, 0, worst.get()); });
}

// The planted fault: every candidate looks for itself whether a better one suppresses it, before that one is settled.
template <class Group>
void suppress_in_parallel(const Group& group, const BoxXyxy* boxes, int64_t count, uint8_t* dropped) {
  group.for_each(0, count, [=](int64_t i) {
    for (int64_t j = i + 1; j < count && !dropped[i]; ++j) {
      if (suppresses(boxes[i], box_area(boxes[i]), boxes[j], box_area(boxes[j]), 0.3f)) dropped[j] = 1;
    }
  });
  group.sync();
}

void run_letterbox(const Threads& run) {
  const Size size{30, 40, 33};
  const std::vector<uint8_t> pixels(static_cast<size_t>(3 * size.height * size.width), 7);
  std::vector<float> memory;
  const Canvas canvas = place(size, &memory);
  const auto shared = shared_memory<BandShared>();
  run([&](const ThreadGroup& group) {
    letterbox_band(group, {pixels.data(), size.height, size.width, 3 * size.width}, canvas, 1, shared.get());
  });
}

bool parallel_greedy_is_right() {
  const std::vector<BoxXyxy> boxes = drawn_boxes();
  std::vector<uint8_t> expected(kCount, 0);
  std::vector<uint8_t> found(kCount, 0);
  const auto tile = shared_memory<SuppressTile>();
  suppress(SerialGroup{}, boxes.data(), kCount, 0.3f, expected.data(), tile.get());
  Random random(1);
  Shuffled{&random}([&](const auto& group) { suppress_in_parallel(group, boxes.data(), kCount, found.data()); });
  return found == expected;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace std::placeholders;
  const std::map<std::string, std::function<void(const Threads&)>> algorithms = {
      {"sort", run_sort},
      {"select", run_select},
      {"suppress", run_suppress},
      {"scan", std::bind(run_stage, kScan, _1)},
      {"truncate", std::bind(run_stage, kTruncate, _1)},
      {"suppress-segment", std::bind(run_stage, kSuppress, _1)},
      {"finish", std::bind(run_stage, kFinish, _1)},
      {"finish-many", run_finish_many},
      {"match-detection", std::bind(run_match_detection, 6, _1)},
      {"match-detection-one-truth", std::bind(run_match_detection, 1, _1)},
      {"match-no-truth", std::bind(run_match, 0, _1)},
      {"match-one-truth", std::bind(run_match, 1, _1)},
      {"match", std::bind(run_match, 6, _1)},
      {"check-matching", run_check},
      {"letterbox", run_letterbox},
  };
  const std::string name = argc > 1 ? argv[1] : "";
  if (name == "parallel-greedy") return parallel_greedy_is_right() ? 0 : 1;
  const auto algorithm = algorithms.find(name);
  if (algorithm == algorithms.end()) {
    for (const auto& entry : algorithms) std::puts(entry.first.c_str());
    return name.empty() ? 0 : 2;
  }
  std::set<Site> passed;
  const Site removed = argc > 3 ? Site{argv[2], std::atoi(argv[3])} : Site{};
  algorithm->second(Threads{4, &passed, removed});
  for (const Site& site : passed) std::printf("%s %d\n", site.file.c_str(), site.line);
}
