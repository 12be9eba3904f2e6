// Suppression of heads of both types, any strides and any bits.
#include <algorithm>

#include "bytes.h"

namespace fuzz {

using namespace bench_freeze;

bool nms(Bytes bytes) {
  Head head{};
  head.images = bytes.within(0, 2);
  head.classes = bytes.about(1, 4);
  head.anchors = bytes.about(0, 80);
  head.type = bytes.byte() % 2 ? HeadType::kFloat32 : HeadType::kFloat16;
  const int64_t gap = bytes.within(0, 2);  // between two rows
  NmsSettings settings{};
  settings.score_threshold = static_cast<float>(bytes.number());
  settings.iou_threshold = static_cast<float>(bytes.number());
  settings.max_detections = bytes.about(0, 12);
  settings.max_candidates = bytes.about(1, 200);
  settings.multi_label = bytes.byte() % 2;
  settings.class_agnostic = bytes.byte() % 2;
  settings.box_format = bytes.byte() % 2 ? BoxFormat::kCxcywh : BoxFormat::kXyxy;
  // Sizes that no memory holds come without images: no owner of an array could tell them otherwise.
  const bool is_small = head.classes >= 1 && head.classes <= 4 && head.anchors >= 0 && head.anchors <= 80 &&
                        settings.max_detections >= 0 && settings.max_detections <= 12;
  if (!is_small) head.images = 0;
  const int64_t rows = is_small ? head.classes + 4 : 5;
  const int64_t anchors = is_small ? head.anchors : 0;
  head.row_stride = anchors + gap;
  head.image_stride = rows * head.row_stride;
  const int64_t values = std::max<int64_t>(0, head.images * head.image_stride - gap);
  const bool is_wide = head.type == HeadType::kFloat32;
  std::vector<float> floats;
  std::vector<int16_t> halves;
  if (is_wide) {
    floats = bytes.list<float>(values, [&] { return static_cast<float>(bytes.number()); });
    head.data = floats.data();
  } else {
    halves = bytes.list<int16_t>(
        values, [&] { return bytes.byte() % 8 ? bytes.within(0x3000, 0x30ff) : bytes.raw<int16_t>(); });
    head.data = halves.data();
  }
  const int64_t room = head.images * (is_small ? settings.max_detections : 0);
  std::vector<float> boxes(static_cast<size_t>(bytes.size(4 * room))), scores(static_cast<size_t>(bytes.size(room)));
  std::vector<int32_t> labels(static_cast<size_t>(bytes.size(room))),
      count(static_cast<size_t>(bytes.size(head.images)));
  std::vector<int64_t> candidates(static_cast<size_t>(bytes.size(head.images))),
      detections(static_cast<size_t>(bytes.size(head.images)));
  return is_answered([&] {
    const HeadArrays arrays{head,          bytes.about(1, 1), whole(boxes),      whole(scores),
                            whole(labels), whole(count),      whole(candidates), whole(detections)};
    const Detections out = checked_detections(arrays, settings);
    const Fault fault = bench_freeze::nms(head, settings, bytes.byte() == 255 ? 3 : 1, out);
    if (fault.image >= 0) return;
    for (int64_t image = 0; image < head.images; ++image) {
      EXPECT(count[image] >= 0 && count[image] <= settings.max_detections);
      EXPECT(candidates[image] >= 0 && detections[image] >= 0);
      for (int64_t i = image * settings.max_detections; i < image * settings.max_detections + count[image]; ++i) {
        EXPECT(scores[i] > settings.score_threshold && labels[i] >= 0 && labels[i] < head.classes);
        EXPECT(i == image * settings.max_detections || scores[i - 1] >= scores[i]);
        for (int64_t side = 0; side < 4; ++side) EXPECT(std::isfinite(boxes[4 * i + side]));
      }
    }
  });
}

}  // namespace fuzz
