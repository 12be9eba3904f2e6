// Every target with random bytes, for compilers without libFuzzer: SEED SECONDS. Nothing guides it, so it finds less.
#include <chrono>
#include <random>
#include <string>

#include "bytes.h"

namespace {

// A first byte for the harness, then a whole file, of which a few bytes will be others.
const char* const kTexts[] = {
    "0[{\"image_id\":1,\"category_id\":2,\"bbox\":[1,2,3.5,4e0],\"score\":0.5},{\"image_id\":2,\"score\":1,"
    "\"category_id\":1,\"bbox\":[0,0,1,1],\"more\":[[1,2],{\"a\":null,\"b\":true}]}]",
    "0{\"images\":[],\"annotations\":[{\"id\":1,\"image_id\":1,\"category_id\":1,\"bbox\":[0,0,1,1],\"area\":1.0,"
    "\"iscrowd\":0}],\"info\":\"x\"}"};
const char kSigns[] = "[]{},:\"-+.eE0123456789 tfn\\";

std::vector<uint8_t> drawn_bytes(std::mt19937_64* random) {
  std::vector<uint8_t> bytes((*random)() % 400);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>((*random)() >> 16);
  return bytes;
}

std::vector<uint8_t> drawn_text(std::mt19937_64* random) {
  const std::string text = kTexts[(*random)() % 2];
  std::vector<uint8_t> bytes(text.begin(), text.end());
  for (uint64_t edits = (*random)() % 4; edits > 0; --edits) {
    const auto place = bytes.begin() + static_cast<int64_t>(1 + (*random)() % (bytes.size() - 1));
    const uint64_t kind = (*random)() % 3;
    const uint8_t sign = static_cast<uint8_t>(kSigns[(*random)() % (sizeof kSigns)]);
    if (kind == 0) *place = sign;
    if (kind == 1) bytes.insert(place, sign);
    if (kind == 2) bytes.erase(place);
  }
  return bytes;
}

}  // namespace

int main(int, char** arguments) {
  std::mt19937_64 random(std::strtoull(arguments[1], nullptr, 10));
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(std::atof(arguments[2]));
  struct {
    const char* name;
    bool (*call)(fuzz::Bytes);
    long answered, refused;
  } targets[] = {{"nms", fuzz::nms, 0, 0},
                 {"letterbox", fuzz::letterbox, 0, 0},
                 {"evaluator", fuzz::evaluator, 0, 0},
                 {"compare", fuzz::compare, 0, 0},
                 {"json", fuzz::json, 0, 0}};
  while (std::chrono::steady_clock::now() < end) {
    for (auto& target : targets) {
      const std::vector<uint8_t> bytes = target.call == fuzz::json ? drawn_text(&random) : drawn_bytes(&random);
      (target.call({bytes.data(), bytes.size()}) ? target.answered : target.refused) += 1;
    }
  }
  for (const auto& target : targets) std::printf("%s %ld %ld\n", target.name, target.answered, target.refused);
}
