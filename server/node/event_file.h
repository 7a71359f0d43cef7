// The log of events as a file beside the data set, so that a restart in place does not forget what happened before it.
//
// Thread-safety: functions of one thread; they block on the disk: under the exclusive world lock, or before the workers
//   start.
// Format: one JSON object a line, oldest first: Id, TimeMs, Event (the name of its notification, empty for none),
//   Message. It is replaced as a whole, and read as a whole or not at all.
// Limits: NodeEvents::kEventsMax events, kEventFileBytesMax bytes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "server/node/node_events.h"
#include "storage/base/result.h"

namespace cachenode {

inline constexpr size_t kEventFileBytesMax = size_t{8} << 20;

[[nodiscard]] std::string FormatEvents(const std::vector<NodeEvent>& oldest_first);
// Error: a sentence that names the line and what is wrong with it.
Result<std::vector<NodeEvent>> ParseEvents(std::string_view text);

struct EventFile {
  std::string directory;
  std::string name;

  [[nodiscard]] std::string Path() const { return directory + '/' + name; }
};
// Error: kIo, with the file's name.
Status SaveEvents(const EventFile& file, const NodeEvents& events);
// Goes on with the events of the file; nothing when there is none. Error: kIo or kCorrupt, with the file's name; the
// log begins anew then.
Status LoadEvents(const EventFile& file, NodeEvents& events);

}  // namespace cachenode
