#include "persistence/s3/aws_settings.h"
#include "storage/base/blanks.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace cachenode {
namespace {

// "[name]" in the credentials file, "[profile name]" in the config file, where "default" needs no prefix.
const Profile* FindProfile(const std::optional<ProfileFile>& file, std::string_view name, bool prefixed) {
  if (!file) return nullptr;
  if (prefixed) {
    const auto found = file->find(std::string("profile ").append(name));
    if (found != file->end()) return &found->second;
    if (name != "default") return nullptr;
  }
  const auto found = file->find(name);
  return found == file->end() ? nullptr : &found->second;
}

std::string FirstOf(std::initializer_list<std::string> candidates) {
  for (const std::string& candidate : candidates) {
    if (!candidate.empty()) return candidate;
  }
  return {};
}

Result<std::string> CheckedRegion(std::string_view value, std::string_view source) {
  if (IsRegionName(value)) return std::string(value);
  std::string text = "the region given by ";
  text.append(source).append(value.empty() ? " is blank" : " is not the name of a region: '");
  if (!value.empty()) text.append(value).append("'");
  return Status::WithText(Err::kConfig, std::move(text));
}

}  // namespace

EnvironmentLookup ProcessEnvironment() {
  return [](const char* name) -> std::optional<std::string> {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets any.
    if (value == nullptr) return std::nullopt;
    return std::string(value);
  };
}

bool IsRegionName(std::string_view name) {
  constexpr size_t kRegionBytesMax = 64;
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
  };
  return !name.empty() && name.size() <= kRegionBytesMax && std::all_of(name.begin(), name.end(), allowed);
}

Result<AwsSettings> AwsSettings::Load(const S3Options& options, EnvironmentLookup environment) {
  AwsSettings settings;
  settings.options_ = options;
  settings.environment_ = std::move(environment);
  const std::string named =
      FirstOf({options.s3_profile, settings.Variable("AWS_PROFILE"), settings.Variable("AWS_DEFAULT_PROFILE")});
  settings.profile_name_ = FirstOf({named, "default"});
  const std::string folder = settings.Variable("HOME").append("/.aws/");
  settings.credentials_path_ = FirstOf({settings.Variable("AWS_SHARED_CREDENTIALS_FILE"), folder + "credentials"});
  settings.config_path_ = FirstOf({settings.Variable("AWS_CONFIG_FILE"), folder + "config"});

  for (const auto& [path, file] : {std::pair(&settings.credentials_path_, &settings.credentials_file_),
                                   std::pair(&settings.config_path_, &settings.config_file_)}) {
    Result<std::optional<ProfileFile>> loaded = LoadProfileFile(*path);
    if (!loaded) return loaded.error();
    *file = *std::move(loaded);
  }
  if (!named.empty() && !settings.HasProfile(named)) {
    return Status::WithText(Err::kConfig,
                            std::string("no AWS profile '").append(named).append("' in ").append(settings.FilesText()));
  }
  return settings;
}

std::string AwsSettings::Variable(const char* name) const {
  return std::string(TrimBlanks(environment_(name).value_or("")));
}

bool AwsSettings::HasProfile(std::string_view profile) const {
  return FindProfile(credentials_file_, profile, false) != nullptr ||
         FindProfile(config_file_, profile, true) != nullptr;
}

std::string AwsSettings::ProfileValue(std::string_view profile, std::string_view key) const {
  for (const Profile* section :
       {FindProfile(credentials_file_, profile, false), FindProfile(config_file_, profile, true)}) {
    if (section == nullptr) continue;
    const auto found = section->find(key);
    if (found != section->end()) return found->second;
  }
  return {};
}

std::string AwsSettings::FilesText() const {
  const auto describe = [](const std::string& path, bool present) {
    return std::string(path).append(present ? "" : " (no such file)");
  };
  return describe(credentials_path_, credentials_file_.has_value())
      .append(" and ")
      .append(describe(config_path_, config_file_.has_value()));
}

Result<std::string> AwsSettings::Region() const {
  if (!options_.s3_region.empty()) return CheckedRegion(TrimBlanks(options_.s3_region), "s3-region");
  for (const char* name : {"AWS_REGION", "AWS_DEFAULT_REGION"}) {
    const std::optional<std::string> value = environment_(name);
    if (value) return CheckedRegion(TrimBlanks(*value), name);
  }
  const std::string from_profile = ProfileValue(profile_name_, "region");
  if (from_profile.empty()) return std::string();
  return CheckedRegion(from_profile, std::string("profile ").append(profile_name_));
}

std::string AwsSettings::S3Endpoint() const {
  return FirstOf({options_.s3_endpoint, Variable("AWS_ENDPOINT_URL_S3"), Variable("AWS_ENDPOINT_URL"),
                  ProfileValue(profile_name_, "endpoint_url")});
}

std::string AwsSettings::StsEndpoint() const {
  return FirstOf({Variable("AWS_ENDPOINT_URL_STS"), Variable("AWS_ENDPOINT_URL")});
}

std::string AwsSettings::CaFile() const { return FirstOf({options_.s3_ca_file, Variable("AWS_CA_BUNDLE")}); }

}  // namespace cachenode
