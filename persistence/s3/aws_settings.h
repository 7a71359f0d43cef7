// What the environment variables and the shared profile files of the AWS tools say.
//
// Thread-safety: immutable after Load; readable from anywhere. The files are read once, by Load.
// Errors: kConfig, naming the variable or the file and line.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "persistence/s3/profile_file.h"
#include "persistence/s3/s3_options.h"
#include "storage/base/result.h"

namespace cachenode {

// Looks an environment variable up; nothing when it is not set.
using EnvironmentLookup = std::function<std::optional<std::string>(const char* name)>;

// The process' own environment.
EnvironmentLookup ProcessEnvironment();

class AwsSettings {
 public:
  // kConfig when a profile is named, by option or AWS_PROFILE, that no file has.
  static Result<AwsSettings> Load(const S3Options& options, EnvironmentLookup environment);

  // The variable's value; empty when it is not set or blank.
  [[nodiscard]] std::string Variable(const char* name) const;

  [[nodiscard]] const std::string& profile_name() const { return profile_name_; }
  [[nodiscard]] bool HasProfile(std::string_view profile) const;
  // A setting of a profile, from the credentials file if it is there, else from the config file; empty if in neither.
  [[nodiscard]] std::string ProfileValue(std::string_view profile, std::string_view key) const;
  // Both files' paths, for texts: which of them exist.
  [[nodiscard]] std::string FilesText() const;

  // The region by option, AWS_REGION, AWS_DEFAULT_REGION or profile; empty when none says one. A variable that is set
  // but blank, or a name no region can have, is kConfig: "s3..amazonaws.com" would be asked otherwise.
  [[nodiscard]] Result<std::string> Region() const;
  // The base address by option, AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL or profile; empty when none says one.
  [[nodiscard]] std::string S3Endpoint() const;
  [[nodiscard]] std::string StsEndpoint() const;
  // PEM file with certificate authorities by option or AWS_CA_BUNDLE.
  [[nodiscard]] std::string CaFile() const;

 private:
  EnvironmentLookup environment_;
  S3Options options_;
  std::string profile_name_;
  std::string credentials_path_;
  std::string config_path_;
  std::optional<ProfileFile> credentials_file_;
  std::optional<ProfileFile> config_file_;
};

// Whether `name` can be a region: 1-64 letters, digits, hyphens, dots and underscores.
bool IsRegionName(std::string_view name);

}  // namespace cachenode
