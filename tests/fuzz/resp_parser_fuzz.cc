// The request parser answers the same whatever pieces the bytes arrive in: the first byte of the input picks the
// piece size and whether the client is authenticated, the rest is what a client sent.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/resp_parser.h"

namespace cachenode {
namespace {

struct Outcome {
  std::vector<std::vector<std::string>> requests;
  std::string error;
  bool operator==(const Outcome&) const = default;
};

void Collect(const RequestBatch& batch, Outcome& outcome) {
  for (size_t i = 0; i < batch.size(); ++i) {
    const Args args = batch.args(i);
    if (args.empty()) std::abort();  // Invariant: never empty.
    outcome.requests.emplace_back(args.begin(), args.end());
  }
}

// Parses `pending` as far as it goes and drops what was consumed. False after an error.
bool Drain(RespParser& parser, std::string& pending, Outcome& outcome) {
  for (;;) {
    RequestBatch batch;
    const RespParser::Progress progress = parser.Parse(pending, batch);
    if (progress.consumed_bytes > pending.size()) std::abort();
    Collect(batch, outcome);
    pending.erase(0, progress.consumed_bytes);
    if (progress.outcome == RespParser::Outcome::kError) {
      outcome.error = parser.ErrorText();
      return false;
    }
    if (progress.outcome == RespParser::Outcome::kNeedMore) {
      if (parser.BytesWanted() <= pending.size()) std::abort();
      return true;
    }
  }
}

Outcome ParseInPieces(std::string_view bytes, size_t piece_bytes, bool unauthenticated) {
  RespParser parser(ParserLimits{.bulk_bytes_max = 1024, .args_max = 64});
  parser.SetUnauthenticated(unauthenticated);
  Outcome outcome;
  std::string pending;
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, piece_bytes);
    bytes.remove_prefix(piece.size());
    // A buffer of its own each time, so that reading beyond it is seen.
    pending = std::string(pending).append(piece);
    if (!Drain(parser, pending, outcome)) break;
  }
  return outcome;
}

}  // namespace
}  // namespace cachenode

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const bool unauthenticated = (data[0] & 0x80) != 0;
  const size_t piece_bytes = std::max<size_t>(1, data[0] & 0x7f);
  const auto whole = cachenode::ParseInPieces(bytes, SIZE_MAX, unauthenticated);
  if (whole != cachenode::ParseInPieces(bytes, piece_bytes, unauthenticated)) std::abort();
  return 0;
}
