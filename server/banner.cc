#include "server/banner.h"

#include <fmt/format.h>

namespace cachenode {

std::string MakeBanner(const BannerFacts& facts) {
  return fmt::format(
      "\n"
      "     .--------------.\n"
      "    /   .--------.   \\      Cachenode {} (Redis {} protocol) 64 bit\n"
      "   |   /  .----.  \\   |\n"
      "   |  |  /      \\  |  |     Running in standalone mode, {} worker{}\n"
      "   |  | |   ()   | |  |     Port: {}\n"
      "   |  |  \\      /  |  |     PID: {}\n"
      "   |   \\  '----'  /   |\n"
      "    \\   '--------'   /\n"
      "     '--------------'\n\n",
      CACHENODE_VERSION, facts.engine_version, facts.workers, facts.workers == 1 ? "" : "s", facts.port,
      facts.process_id);
}

}  // namespace cachenode
