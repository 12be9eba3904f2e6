// From matched detections to the protocol's tensors.
#pragma once

#include "cpu/match.h"
#include "score.h"

namespace bench_freeze {

void accumulate(const Matches& matches, const DetectionTable& detections, const CocoSettings& settings,
                const Lanes& lanes, const CocoTensors& tensors);

}  // namespace bench_freeze
