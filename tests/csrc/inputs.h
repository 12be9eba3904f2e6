// Heads, ground truth and detections that tie, crowd and overlap, drawn from a seed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include "core/order.h"
#include "score_cuda.h"

namespace bench_freeze {

using Random = std::mt19937;

inline int32_t draw(Random& random, int32_t low, int32_t high) {  // ends included, the same on every standard library
  return low + static_cast<int32_t>(random() % static_cast<uint32_t>(high - low + 1));
}

// The float16 whose value is `value` or the next one below it, for 0 to 65504.
inline int16_t half_of(float value) {
  int32_t low = 0;
  int32_t high = 0x7bff;
  while (low < high) {
    const int32_t middle = (low + high + 1) / 2;
    if (half_to_float(static_cast<uint16_t>(middle)) <= value) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return static_cast<int16_t>(low);
}

// Boxes are xyxy on a lattice of `span` pixels, so that IoUs tie; scores have few levels, so that scores tie. Rows are
// padded, so that some start between two vector loads.
struct RandomHead {
  std::vector<float> floats;
  std::vector<int16_t> halves;
  Head head{};

  RandomHead(Random& random, HeadType type, int64_t images, int64_t classes, int64_t anchors, int32_t span,
             int32_t levels) {
    const int64_t pad = draw(random, 0, 3);
    const int64_t rows = 4 + classes;
    head = {nullptr, type, images, classes, anchors, rows * (anchors + pad) + pad, anchors + pad};
    floats.assign(static_cast<size_t>(images * head.image_stride), 9);
    for (int64_t image = 0; image < images; ++image) {
      for (int64_t anchor = 0; anchor < anchors; ++anchor) {
        float* const first = floats.data() + image * head.image_stride + anchor;
        for (int64_t axis = 0; axis < 2; ++axis) {
          const int32_t low = draw(random, 0, span);
          first[axis * head.row_stride] = static_cast<float>(low);
          first[(axis + 2) * head.row_stride] = static_cast<float>(low + draw(random, 0, 7));
        }
        for (int64_t label = 0; label < classes; ++label) {
          first[(4 + label) * head.row_stride] = static_cast<float>(draw(random, 0, levels)) / 1024;
        }
      }
    }
    if (type == HeadType::kFloat16) {
      for (const float value : floats) halves.push_back(half_of(value));
      head.data = halves.data();
    } else {
      head.data = floats.data();
    }
  }
  void set(int64_t image, int64_t row, int64_t anchor, float value, int16_t half) {
    const int64_t at = image * head.image_stride + row * head.row_stride + anchor;
    floats[at] = value;
    if (!halves.empty()) halves[at] = half;
  }
};

inline NmsSettings draw_settings(Random& random) {
  const float thresholds[] = {0.0f, 0.25f, 1.0f / 3, 0.5f, 0.7f, 1.0f};
  NmsSettings settings{};
  settings.score_threshold = static_cast<float>(draw(random, 0, 6)) / 8;
  settings.iou_threshold = thresholds[draw(random, 0, 5)];
  settings.max_detections = draw(random, 1, 60);
  settings.max_candidates = draw(random, 0, 2) == 0 ? draw(random, 1, 90) : 30000;
  settings.multi_label = draw(random, 0, 2) != 0;
  settings.class_agnostic = draw(random, 0, 2) == 0;
  settings.box_format = BoxFormat::kXyxy;
  return settings;
}

// Ground truth with crowds, areas on the borders of ranges and piles of equal boxes, and detections of the same
// lattice.
struct RandomMatching {
  int64_t images, classes, rows;
  std::vector<int64_t> truth_begin{0};
  std::vector<int32_t> truth_label;
  std::vector<double> truth_boxes, truth_area;
  std::vector<uint8_t> is_crowd, is_void;
  std::vector<int32_t> image, label, count;
  std::vector<double> boxes;
  std::vector<float> scores;

  RandomMatching(Random& random, int64_t images, int64_t classes, int64_t rows)
      : images(images), classes(classes), rows(rows) {
    for (int64_t i = 0; i < images; ++i) {
      std::vector<int32_t> labels(static_cast<size_t>(draw(random, 0, 14)));
      for (int32_t& label : labels) label = draw(random, 0, static_cast<int32_t>(classes) - 1);
      std::sort(labels.begin(), labels.end());
      for (const int32_t label : labels) {
        truth_label.push_back(label);
        add_box(random, &truth_boxes);
        truth_area.push_back(draw(random, 0, 5) * 8);
        is_crowd.push_back(draw(random, 0, 4) == 0);
        is_void.push_back(draw(random, 0, 9) == 0);
      }
      truth_begin.push_back(static_cast<int64_t>(truth_label.size()));
      image.push_back(static_cast<int32_t>(images - 1 - i));
      count.push_back(draw(random, 0, static_cast<int32_t>(rows)));
      float score = 1;
      for (int64_t row = 0; row < rows; ++row) {
        add_box(random, &boxes);
        label.push_back(draw(random, 0, static_cast<int32_t>(classes) - 1));
        scores.push_back(score);
        score -= static_cast<float>(draw(random, 0, 1)) / 1024;
      }
    }
  }
  TruthIndex truth() const {
    return {
        images,          classes,       truth_begin.data(), truth_label.data(), truth_boxes.data(), truth_area.data(),
        is_crowd.data(), is_void.data()};
  }
  CudaRanked ranked() const {
    return {images, rows, image.data(), boxes.data(), scores.data(), label.data(), count.data()};
  }

 private:
  static void add_box(Random& random, std::vector<double>* boxes) {
    for (int32_t i = 0; i < 2; ++i) boxes->push_back(draw(random, 0, 4));
    for (int32_t i = 0; i < 2; ++i) boxes->push_back(draw(random, 0, 6));
  }
};

}  // namespace bench_freeze
