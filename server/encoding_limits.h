// Carries the options that say when a collection leaves its packed form to the storage layer.
//
// Thread-safety: constructed before the workers start; Apply under the world lock, as all appliers.
#pragma once

#include "server/config/config_store.h"

namespace cachenode {

class EncodingLimits final : public ConfigApplier {
 public:
  // Sets the limits from the current options and follows their changes. `config` outlives this.
  explicit EncodingLimits(ConfigStore& config);
  Status Apply(ApplyGroup group, const Config& before, const Config& after) override;
};

}  // namespace cachenode
