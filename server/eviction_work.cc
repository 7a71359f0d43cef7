#include "server/eviction_work.h"

#include "server/command_context.h"
#include "server/dispatcher.h"

namespace cachenode {

bool EvictionWork::RunSlice(Worker& worker) {
  CommandContext& context = worker.dispatcher().context();
  return !context.writes_are_paused() && guard_.EvictForAWhile(context, kSliceUs);
}

}  // namespace cachenode
