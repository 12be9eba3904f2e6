// The CUDA back end on a GPU against the CPU back end, to the last bit: drawn and large heads, a stream of the
// caller's, memory that is used again, a captured graph, matching, letterbox. Needs no framework, so compute-sanitizer
// may run it; `quick` keeps to few inputs for that, and a second word to a part: suppression, matching or letterbox.
// Exits with 1 and names the first difference.
#include <cmath>
#include <cstring>

#include "device.h"
#include "device_on_host.h"
#include "letterbox_cuda.h"
#include "letterboxes.h"

using namespace bench_freeze;

namespace {

void check_drawn_heads(uint32_t seeds, cudaStream_t stream) {
  for (uint32_t seed = 0; seed < seeds; ++seed) {
    Random random(seed);
    const HeadType type = seed % 2 == 0 ? HeadType::kFloat32 : HeadType::kFloat16;
    RandomHead input(random, type, draw(random, 1, 5), draw(random, 1, 6), draw(random, 0, 400), draw(random, 1, 30),
                     draw(random, 0, 1) == 0 ? 6 : 1024);
    const NmsSettings settings = draw_settings(random);
    if (seed % 5 == 4 && input.head.anchors > 0) {
      const int32_t row = draw(random, 0, static_cast<int32_t>(input.head.classes) + 3);
      const int32_t anchor = draw(random, 0, static_cast<int32_t>(input.head.anchors) - 1);
      input.set(input.head.images - 1, row, anchor, draw(random, 0, 1) == 0 ? INFINITY : NAN, 0x7c00);
    }
    DeviceNms device(input, settings);
    device.enqueue(stream);
    require_cuda(cudaStreamSynchronize(stream), "suppression");
    device.compare(input, "drawn head " + std::to_string(seed));
  }
}

// Beyond what shared memory sorts, and as large as a real head.
void check_large_heads(bool is_quick, cudaStream_t stream) {
  for (const HeadType type : {HeadType::kFloat32, HeadType::kFloat16}) {
    Random random(1);
    const std::string name = type == HeadType::kFloat32 ? "float32" : "float16";
    for (int64_t max_detections : {300, 2600}) {
      for (const bool class_agnostic : {false, true}) {
        const RandomHead input(random, type, 2, 2, 3000, 250, 2000);
        const NmsSettings settings{0.001f,    0.5f,           max_detections,  class_agnostic ? 2500 : 30000,
                                   !is_quick, class_agnostic, BoxFormat::kXyxy};
        DeviceNms device(input, settings);
        device.enqueue(stream);
        require_cuda(cudaStreamSynchronize(stream), "suppression");
        device.compare(input, "large " + name + " head");
      }
    }
    if (is_quick) continue;
    const RandomHead input(random, type, 16, 80, 8400, 600, 1024);
    DeviceNms device(input, {0.995f, 0.7f, 300, 30000, true, false, BoxFormat::kXyxy});
    device.enqueue(stream);
    require_cuda(cudaStreamSynchronize(stream), "suppression");
    device.compare(input, "batch of real size in " + name);
  }
}

// One graph, replayed with other contents: everything is on the stream, and nothing is left over from the call before.
void check_graph(cudaStream_t stream) {
  const NmsSettings settings{0.25f, 0.5f, 50, 200, true, false, BoxFormat::kXyxy};
  Random random(2);
  std::vector<RandomHead> inputs;
  while (inputs.size() < 4) {
    Random same_shape(3);
    RandomHead input(same_shape, HeadType::kFloat32, 3, 4, 250, 20, 1024);
    for (float& value : input.floats) value = std::fmod(value + static_cast<float>(draw(random, 0, 15)) / 16, 24.0f);
    inputs.push_back(input);
    inputs.back().head.data = inputs.back().floats.data();
  }
  for (RandomHead& input : inputs) input.head.data = input.floats.data();
  DeviceNms device(inputs[0], settings);
  cudaGraph_t graph;
  cudaGraphExec_t executable;
  require_cuda(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), "begin of a capture");
  device.enqueue(stream);
  require_cuda(cudaStreamEndCapture(stream, &graph), "end of a capture");
  require_cuda(cudaGraphInstantiate(&executable, graph, 0), "making a graph");
  for (size_t i = 0; i < inputs.size(); ++i) {
    device.set(inputs[i]);
    require_cuda(cudaGraphLaunch(executable, stream), "launching a graph");
    require_cuda(cudaStreamSynchronize(stream), "a graph");
    device.compare(inputs[i], "replay " + std::to_string(i) + " of a graph");
  }
  require_cuda(cudaGraphExecDestroy(executable), "destroying a graph");
  require_cuda(cudaGraphDestroy(graph), "destroying a graph");
}

// Against the same template run by one thread on the host, which tests/csrc holds equal to the CPU back end.
void check_matching(uint32_t seeds, cudaStream_t stream) {
  const double thresholds[] = {0.0, 0.25, 1.0 / 3, 0.5, 0.5, 0.75, 0.9, 1.0};
  const double ranges[] = {0, 1e10, 0, 8, 8, 24, 24, 1e10};
  for (uint32_t seed = 0; seed < seeds; ++seed) {
    Random random(seed);
    const RandomMatching input(random, draw(random, 1, 6), draw(random, 1, 5), draw(random, 1, 300));
    const MatchRule rules[] = {MatchRule::kCoco, MatchRule::kCoco, MatchRule::kUltralytics, MatchRule::kVoc};
    const MatchSettings settings{rules[seed % 4], seed % 3 == 0 ? 1 : 8, thresholds, 4, ranges};
    const size_t rows = static_cast<size_t>(input.images * input.rows);
    std::vector<uint64_t> true_positive(rows), ignored(rows);
    std::vector<int32_t> rank(rows), fault(static_cast<size_t>(input.images));
    device_match(input.truth(), input.truth_begin.back(), input.ranked(), make_lanes(settings),
                 {true_positive.data(), ignored.data(), rank.data(), fault.data()}, Serial{});

    const OnDeviceMemory<int64_t> begin(input.truth_begin);
    const OnDeviceMemory<int32_t> truth_label(input.truth_label), image(input.image), label(input.label),
        count(input.count);
    const OnDeviceMemory<double> truth_boxes(input.truth_boxes), area(input.truth_area), boxes(input.boxes);
    const OnDeviceMemory<uint8_t> is_crowd(input.is_crowd), is_void(input.is_void);
    const OnDeviceMemory<float> scores(input.scores);
    const OnDeviceMemory<uint64_t> found_true_positive(rows), found_ignored(rows);
    const OnDeviceMemory<int32_t> found_rank(rows), found_fault(fault.size());
    const int64_t truths = input.truth_begin.back();
    const OnDeviceMemory<char> workspace(static_cast<size_t>(match_cuda_workspace_bytes(truths)));
    match_cuda({input.images, input.classes, begin.data(), truth_label.data(), truth_boxes.data(), area.data(),
                is_crowd.data(), is_void.data()},
               truths,
               {input.images, input.rows, image.data(), boxes.data(), scores.data(), label.data(), count.data()},
               settings, {found_true_positive.data(), found_ignored.data(), found_rank.data(), found_fault.data()},
               workspace.data(), {0, reinterpret_cast<uintptr_t>(stream)});
    require_cuda(cudaStreamSynchronize(stream), "matching");
    const std::string where = "matching " + std::to_string(seed);
    require(found_fault.get() == fault, where + ": fault");
    require(found_rank.get() == rank, where + ": rank");
    require(found_true_positive.get() == true_positive, where + ": true positives");
    require(found_ignored.get() == ignored, where + ": ignored");
  }
}

void check_letterbox(bool is_quick, cudaStream_t stream) {
  Random random(4);
  for (const Size& size : kLetterboxSizes) {
    if (is_quick && size.canvas > 100) continue;
    for (const int64_t padding : {0, 5}) {
      const int64_t stride = 3 * size.width + padding;
      std::vector<uint8_t> pixels(static_cast<size_t>((size.height - 1) * stride + 3 * size.width));
      for (uint8_t& level : pixels) level = static_cast<uint8_t>(draw(random, 0, 255));
      std::vector<float> expected;
      std::vector<uint8_t> padded(pixels);
      padded.resize(static_cast<size_t>(size.height * stride));
      letterbox({padded.data(), size.height, size.width, stride}, place(size, &expected));
      const OnDeviceMemory<uint8_t> image(pixels);
      const OnDeviceMemory<float> found(expected.size());
      letterbox_cuda({image.data(), size.height, size.width, stride}, place(size, found.data()),
                     {0, reinterpret_cast<uintptr_t>(stream)});
      require_cuda(cudaStreamSynchronize(stream), "letterbox");
      require(found.get() == expected, "letterbox of " + std::to_string(size.height) + " x " +
                                           std::to_string(size.width) + " on " + std::to_string(size.canvas));
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const bool is_quick = argc > 1 && std::strcmp(argv[1], "quick") == 0;
  const std::string part = argc > 2 ? argv[2] : "all";
  const std::string reason = cuda_unavailable_reason();
  if (!reason.empty()) {
    std::fprintf(stderr, "%s\n", reason.c_str());
    return 3;
  }
  cudaStream_t stream;
  require_cuda(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "making a stream");
  if (part == "all" || part == "suppression") {
    check_drawn_heads(is_quick ? 25 : 400, stream);
    check_large_heads(is_quick, stream);
    check_graph(stream);
  }
  if (part == "all" || part == "matching") check_matching(is_quick ? 12 : 200, stream);
  if (part == "all" || part == "letterbox") check_letterbox(is_quick, stream);
  require_cuda(cudaStreamDestroy(stream), "destroying a stream");
  std::puts("equal");
}
