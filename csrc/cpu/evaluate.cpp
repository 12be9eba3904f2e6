#include "cpu/accumulate.h"
#include "cpu/match.h"
#include "score.h"

namespace bench_freeze {

void match_and_accumulate(const TruthTable& truth, const DetectionTable& detections, const CocoSettings& settings,
                          const CocoTensors& tensors) {
  const Lanes lanes = make_lanes(settings);
  const int64_t max_rank = settings.max_detections[settings.max_detections_count - 1];
  const Matches matches = match(truth, detections, settings, lanes, max_rank);
  accumulate(matches, detections, settings, lanes, tensors);
}

}  // namespace bench_freeze
