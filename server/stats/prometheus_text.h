// The text of INFO as a Prometheus page, under the names that redis_exporter gives: dashboards and alerts made for it
// work unchanged. INFO is the only source, so that both always tell the same.
//
// Thread-safety: a pure function.
#pragma once

#include <string>
#include <string_view>

namespace cachenode {

// `info`: what INFO everything answers. Fields without a metric are left out.
[[nodiscard]] std::string PrometheusText(std::string_view info);

}  // namespace cachenode
