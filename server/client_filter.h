// Which clients CLIENT LIST and CLIENT KILL mean: the conditions of a request, all of which must hold.
//
// Thread-safety: a value on a handler's stack. Views live as long as the request. Matches reads the session, which the
//   caller may do under the exclusive world lock.
// Errors: Parse returns the client's error; which option was wrong decides the text.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "server/arg_parser.h"
#include "server/config/config.h"
#include "server/session.h"
#include "storage/base/status.h"

namespace cachenode {

class AclStore;

class ClientFilter {
 public:
  // Whose wording of a wrong id is used.
  enum class Purpose : uint8_t { kList, kKill };

  // USER must name one of `users`, which outlive this object.
  explicit ClientFilter(const AclStore& users) : users_(users) {}

  // Reads options up to the end of the request.
  Status Parse(ArgParser& parser, const Config& config, Purpose purpose);
  // `caller_id` is left out when SKIPME says so.
  [[nodiscard]] bool Matches(const Session& session, uint64_t caller_id, int64_t now_ms) const;

  // SKIPME, when it was given.
  [[nodiscard]] std::optional<bool> skips_caller() const { return skips_caller_; }
  void SetSkipsCaller(bool skips) { skips_caller_ = skips; }
  // The ids when nothing but ids was given: they are answered in their order.
  [[nodiscard]] const std::vector<uint64_t>* OnlyIds() const;

 private:
  // Conditions that come in pairs: with the option's name, and with NOT- before it.
  struct Conditions {
    std::optional<ClientClass> type;
    std::vector<uint64_t> ids;
    bool has_ids = false;
    std::optional<std::string_view> user;
    std::optional<std::string_view> address;
    std::optional<std::string_view> local_address;
    std::optional<std::string_view> name;
    std::optional<std::string_view> flags;
    std::optional<std::string_view> library_name;
    std::optional<std::string_view> library_version;
    std::optional<uint32_t> database;
    std::optional<std::string_view> capabilities;
    std::optional<std::string_view> ip;
  };
  // One yes or no per condition that was given.
  struct Verdict {
    bool any = false;
    bool all = true;
    void Add(bool holds) {
      any = any || holds;
      all = all && holds;
    }
  };

  // False when the next argument is no option of a pair.
  bool ParsePaired(ArgParser& parser, bool negated, const Config& config, Purpose purpose);
  static void ParseIds(ArgParser& parser, Conditions& conditions, const Config& config, Purpose purpose);
  static void ParseType(ArgParser& parser, Conditions& conditions);
  void ParseUser(ArgParser& parser, Conditions& conditions);
  static void ParseLetters(ArgParser& parser, std::string_view name, bool negated, std::string_view known,
                           std::optional<std::string_view>& to);
  static void ParseDatabase(ArgParser& parser, std::string_view name, const Config& config, Conditions& conditions);
  static int64_t ParseSeconds(ArgParser& parser, std::string_view name);
  void ParseSkipMe(ArgParser& parser);
  static Verdict Judge(const Conditions& conditions, const Session& session);

  const AclStore& users_;
  Conditions wanted_;
  Conditions unwanted_;
  std::optional<bool> skips_caller_;
  int64_t age_seconds_min_ = 0;   // 0: any.
  int64_t idle_seconds_min_ = 0;  // 0: any.
  size_t option_count_ = 0;
};

}  // namespace cachenode
