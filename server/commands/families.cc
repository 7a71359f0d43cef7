#include "server/commands/families.h"

#include <vector>

namespace cachenode {

std::span<const std::span<const CommandSpec>> AllFamilies() {
  static const std::vector<std::span<const CommandSpec>> kFamilies = {
      BitmapCommands(),   CommandCommands(), ConfigCommands(), ConnectionCommands(),
      DatabaseCommands(), DumpCommands(),    ExpireCommands(), KeyCommands(),
      KeyScanCommands(),  LcsCommands(),     StringCommands(), StringEditCommands(),
  };
  return kFamilies;
}

}  // namespace cachenode
