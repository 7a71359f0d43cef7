#include "server/stats/info_text.h"

namespace cachenode {

std::string InfoText::HumanBytes(uint64_t bytes) {
  constexpr char kUnits[] = {'B', 'K', 'M', 'G', 'T', 'P'};
  std::string text;
  if (bytes < 1024) {
    AppendUint64(text, bytes);
    return text.append("B");
  }
  double amount = static_cast<double>(bytes);
  size_t unit = 0;
  while (amount >= 1024 && unit + 1 < sizeof kUnits) {
    amount /= 1024;
    ++unit;
  }
  AppendFixed(text, amount, 2);
  text.push_back(kUnits[unit]);
  return text;
}

}  // namespace cachenode
