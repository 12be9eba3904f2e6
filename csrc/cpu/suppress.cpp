#include "cpu/suppress.h"

#include "core/nms.h"
#include "cpu/wide.h"

namespace bench_freeze {
namespace {

BENCH_FREEZE_BODY void suppress(const BoxColumns& boxes, int64_t count, float iou_threshold, int32_t* dropped) {
  for (int64_t i = 0; i < count; ++i) {
    if (dropped[i]) continue;
    const BoxXyxy kept = {boxes.x1[i], boxes.y1[i], boxes.x2[i], boxes.y2[i]};
    const float area = boxes.area[i];
    for (int64_t block = (i + 1) / kBoxBlock * kBoxBlock; block < count; block += kBoxBlock) {
      const int32_t before = static_cast<int32_t>(i - block);  // a block may begin with boxes up to i, already decided
      for (int32_t j = 0; j < kBoxBlock; ++j) {
        const int64_t other = block + j;
        const BoxXyxy box = {boxes.x1[other], boxes.y1[other], boxes.x2[other], boxes.y2[other]};
        dropped[other] |= suppresses(kept, area, box, boxes.area[other], iou_threshold) & (j > before);
      }
    }
  }
}

#ifdef BENCH_FREEZE_HAS_WIDE
BENCH_FREEZE_WIDE void suppress_wide(const BoxColumns& boxes, int64_t count, float iou_threshold, int32_t* dropped) {
  suppress(boxes, count, iou_threshold, dropped);
}
#endif

}  // namespace

void suppress_columns(const BoxColumns& boxes, int64_t count, float iou_threshold, int32_t* dropped) {
#ifdef BENCH_FREEZE_HAS_WIDE
  if (has_wide()) return suppress_wide(boxes, count, iou_threshold, dropped);
#endif
  suppress(boxes, count, iou_threshold, dropped);
}

}  // namespace bench_freeze
