#include "server/node/maintenance_timer.h"

#include "server/config/maintenance_window.h"

namespace cachenode {

bool MaintenanceTimer::IsDue(const Config& config, bool has_pending, int64_t now_ms) const {
  if (!has_pending || now_ms < not_before_ms_) return false;
  if (config.apply_immediately) return true;
  MaintenanceWindow window;
  const bool has_window = !config.preferred_maintenance_window.empty() &&
                          MaintenanceWindow::Parse(config.preferred_maintenance_window, window).empty();
  return has_window && window.Contains(now_ms);
}

}  // namespace cachenode
