#include "server/client_filter.h"

#include <algorithm>
#include <string>

#include "server/acl/acl_store.h"
#include "server/client_line.h"
#include "server/config/config.h"
#include "storage/base/bytes.h"

namespace cachenode {
namespace {

constexpr std::string_view kOptionNames[] = {
    "ID",       "TYPE",      "USER",     "ADDR",      "LADDR",        "SKIPME",      "MAXAGE", "NAME",     "IDLE",
    "FLAGS",    "LIB-NAME",  "LIB-VER",  "DB",        "CAPA",         "IP",          "NOT-ID", "NOT-TYPE", "NOT-USER",
    "NOT-ADDR", "NOT-LADDR", "NOT-NAME", "NOT-FLAGS", "NOT-LIB-NAME", "NOT-LIB-VER", "NOT-DB", "NOT-CAPA", "NOT-IP",
};

bool IsOptionName(std::string_view text) {
  return std::any_of(std::begin(kOptionNames), std::end(kOptionNames),
                     [text](std::string_view name) { return EqualsIgnoreCase(text, name); });
}

struct ClassName {
  std::string_view name;
  ClientClass client_class;
};

constexpr ClassName kClassNames[] = {
    {"normal", ClientClass::kNormal}, {"slave", ClientClass::kReplica},  {"replica", ClientClass::kReplica},
    {"pubsub", ClientClass::kPubSub}, {"master", ClientClass::kPrimary}, {"primary", ClientClass::kPrimary},
};

constexpr std::string_view kCapabilityLetters = "r";

bool HasAllLetters(std::string_view letters, std::string_view text) {
  return std::all_of(letters.begin(), letters.end(),
                     [text](char letter) { return text.find(letter) != std::string_view::npos; });
}

// "127.0.0.1" of "127.0.0.1:6379", "::1" of "[::1]:6379".
std::string_view IpOf(const Session& session) {
  if (session.is_unix_socket) return {};
  std::string_view address = session.peer_address;
  address = address.substr(0, address.rfind(':'));
  if (address.size() >= 2 && address.front() == '[') address = address.substr(1, address.size() - 2);
  return address;
}

}  // namespace

Status ClientFilter::Parse(ArgParser& parser, const Config& config, Purpose purpose) {
  while (parser.HasNext()) {
    ++option_count_;
    if (parser.Match("skipme", 1)) {
      ParseSkipMe(parser);
    } else if (parser.Match("maxage", 1)) {
      age_seconds_min_ = ParseSeconds(parser, "maxage");
    } else if (parser.Match("idle", 1)) {
      idle_seconds_min_ = ParseSeconds(parser, "idle");
    } else if (!ParsePaired(parser, false, config, purpose) && !ParsePaired(parser, true, config, purpose)) {
      parser.Fail(Err::kSyntax);
    }
  }
  return parser.Finish();
}

bool ClientFilter::ParsePaired(ArgParser& parser, bool negated, const Config& config, Purpose purpose) {
  Conditions& conditions = negated ? unwanted_ : wanted_;
  const auto matches = [&parser, negated](std::string_view name) {
    return parser.Match(negated ? name : name.substr(4), 1);
  };
  if (matches("NOT-ID")) {
    ParseIds(parser, conditions, config, purpose);
  } else if (matches("NOT-TYPE")) {
    ParseType(parser, conditions);
  } else if (matches("NOT-USER")) {
    ParseUser(parser, conditions);
  } else if (matches("NOT-ADDR")) {
    conditions.address = parser.NextString();
  } else if (matches("NOT-LADDR")) {
    conditions.local_address = parser.NextString();
  } else if (matches("NOT-NAME")) {
    conditions.name = parser.NextString();
  } else if (matches("NOT-FLAGS")) {
    ParseLetters(parser, "flags", negated, kClientFlagLetters, conditions.flags);
  } else if (matches("NOT-LIB-NAME")) {
    conditions.library_name = parser.NextString();
  } else if (matches("NOT-LIB-VER")) {
    conditions.library_version = parser.NextString();
  } else if (matches("NOT-DB")) {
    ParseDatabase(parser, negated ? "NOT-DB" : "DB", config, conditions);
  } else if (matches("NOT-CAPA")) {
    ParseLetters(parser, "capa", negated, kCapabilityLetters, conditions.capabilities);
  } else if (matches("NOT-IP")) {
    conditions.ip = parser.NextString();
  } else {
    return false;
  }
  return true;
}

// One id or more, up to the next option; CLIENT KILL takes several since Valkey 8.1 only.
void ClientFilter::ParseIds(ArgParser& parser, Conditions& conditions, const Config& config, Purpose purpose) {
  const bool newest = config.engine_version.AtLeastValkey(9, 0);
  const bool takes_many = purpose == Purpose::kList || config.engine_version.AtLeastValkey(8, 1);
  conditions.has_ids = true;
  do {
    const std::string_view text = parser.NextString();
    const Result<int64_t> id = ParseInt64(text);
    const bool must_be_positive = purpose == Purpose::kKill || newest;
    if (!id && newest) {
      parser.Fail(Err::kSyntax);
    } else if (!id && purpose == Purpose::kList) {
      parser.Fail(Status::Text("ERR Invalid client ID"));
    } else if (!id || (must_be_positive && *id < 1)) {
      parser.Fail(Status::Text("ERR client-id should be greater than 0"));
    } else if (*id > 0) {
      conditions.ids.push_back(static_cast<uint64_t>(*id));
    }
  } while (takes_many && parser.HasNext() && !IsOptionName(parser.Peek()));
}

void ClientFilter::ParseType(ArgParser& parser, Conditions& conditions) {
  const std::string_view text = parser.NextString();
  for (const ClassName& row : kClassNames) {
    if (EqualsIgnoreCase(text, row.name)) conditions.type = row.client_class;
  }
  if (!conditions.type)
    parser.Fail(Status::Text(std::string("ERR Unknown client type '").append(UpToZero(text)).append("'")));
}

// There is one user.
void ClientFilter::ParseUser(ArgParser& parser, Conditions& conditions) {
  conditions.user = parser.NextString();
  if (users_.Find(*conditions.user) != nullptr) return;
  parser.Fail(Status::Text(std::string("ERR No such user '").append(*conditions.user).append("'")));
}

void ClientFilter::ParseLetters(ArgParser& parser, std::string_view name, bool negated, std::string_view known,
                                std::optional<std::string_view>& to) {
  to = parser.NextString();
  if (HasAllLetters(*to, known)) return;
  std::string text("ERR Unknown ");
  text.append(name).append(" found in the ");
  text.append(negated ? std::string("NOT-").append(UpperCased(name)) : "provided").append(" filter: ").append(*to);
  parser.Fail(Status::Text(std::move(text)));
}

void ClientFilter::ParseDatabase(ArgParser& parser, std::string_view name, const Config& config,
                                 Conditions& conditions) {
  const Result<int64_t> number = ParseInt64Within(parser.NextString(), INT32_MIN, INT32_MAX);
  if (!number) {
    parser.Fail(Status::Text(std::string("ERR ").append(name).append(" is not an integer or out of range")));
    return;
  }
  if (*number < 0 || *number >= config.databases) {
    std::string text("ERR ");
    text.append(name).append(" number should be between 0 and ");
    AppendInt64(text, config.databases - 1);
    parser.Fail(Status::Text(std::move(text)));
    return;
  }
  conditions.database = static_cast<uint32_t>(*number);
}

int64_t ClientFilter::ParseSeconds(ArgParser& parser, std::string_view name) {
  const Result<int64_t> seconds = ParseInt64(parser.NextString());
  if (!seconds) {
    parser.Fail(Status::Text(std::string("ERR ").append(name).append(" is not an integer or out of range")));
    return 0;
  }
  if (*seconds <= 0) parser.Fail(Status::Text(std::string("ERR ").append(name).append(" should be greater than 0")));
  return *seconds;
}

void ClientFilter::ParseSkipMe(ArgParser& parser) {
  if (parser.Match("yes")) {
    skips_caller_ = true;
  } else if (parser.Match("no")) {
    skips_caller_ = false;
  } else {
    parser.Fail(Err::kSyntax);
  }
}

const std::vector<uint64_t>* ClientFilter::OnlyIds() const {
  return option_count_ == 1 && wanted_.has_ids ? &wanted_.ids : nullptr;
}

ClientFilter::Verdict ClientFilter::Judge(const Conditions& conditions, const Session& session) {
  Verdict verdict;
  const auto compare = [&verdict](const auto& wanted, const auto& actual) {
    if (wanted) verdict.Add(*wanted == actual);
  };
  if (conditions.has_ids) verdict.Add(std::ranges::find(conditions.ids, session.id) != conditions.ids.end());
  compare(conditions.type, session.client_class);
  compare(conditions.user, session.user);
  compare(conditions.address, session.peer_address);
  compare(conditions.local_address, session.local_address);
  compare(conditions.name, session.name);
  compare(conditions.library_name, session.library_name);
  compare(conditions.library_version, session.library_version);
  compare(conditions.database, session.database);
  compare(conditions.ip, IpOf(session));
  if (conditions.flags) verdict.Add(HasAllLetters(*conditions.flags, ClientFlagsOf(session)));
  if (conditions.capabilities) {
    verdict.Add(HasAllLetters(*conditions.capabilities, session.understands_redirect ? "r" : ""));
  }
  return verdict;
}

bool ClientFilter::Matches(const Session& session, uint64_t caller_id, int64_t now_ms) const {
  if (session.id == caller_id && skips_caller_.value_or(false)) return false;
  if (age_seconds_min_ != 0 && (now_ms - session.created_ms) / 1000 < age_seconds_min_) return false;
  if (idle_seconds_min_ != 0 && (now_ms - session.last_interaction_ms) / 1000 < idle_seconds_min_) return false;
  return Judge(wanted_, session).all && !Judge(unwanted_, session).any;
}

}  // namespace cachenode
