// INFO notifications: the events of this node and who was told of them.
#include "server/node/node_events.h"
#include "server/node/notification_sender.h"
#include "server/stats/info_sections.h"

namespace cachenode::info {
namespace {

using T = InfoText;
using S = InfoSource;
using N = std::string_view;

NotificationFigures FiguresOf(const S& source) {
  return source.parts.notifications != nullptr ? source.parts.notifications->Figures() : NotificationFigures{};
}

constexpr InfoField kNotifications[] = {
    {"events_recorded",
     [](T& text, N name, const S& source) { text.Line(name, source.parts.events->RecordedCount()); }},
    {"notifications_waiting", [](T& text, N name, const S& source) { text.Line(name, FiguresOf(source).waiting); }},
    {"notifications_sent", [](T& text, N name, const S& source) { text.Line(name, FiguresOf(source).sent); }},
    {"notifications_failed", [](T& text, N name, const S& source) { text.Line(name, FiguresOf(source).failed); }},
    {"notifications_dropped", [](T& text, N name, const S& source) { text.Line(name, FiguresOf(source).dropped); }},
    {"notifications_retries", [](T& text, N name, const S& source) { text.Line(name, FiguresOf(source).retries); }},
    {"notifications_last_error",
     [](T& text, N name, const S& source) { text.Line(name, FiguresOf(source).last_error); }},
};

}  // namespace

std::span<const InfoField> NotificationFields() { return kNotifications; }

}  // namespace cachenode::info
