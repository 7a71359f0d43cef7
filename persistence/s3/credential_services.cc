#include "persistence/s3/credential_services.h"

#include <ctime>
#include <initializer_list>
#include <utility>

#include "persistence/s3/answer_fields.h"
#include "persistence/s3/s3_signer.h"
#include "storage/base/bytes.h"

namespace cachenode {
namespace {

constexpr std::string_view kContainerService = "container credential service";
constexpr std::string_view kTokenService = "AWS STS";
constexpr std::string_view kTokenLifetimeS = "21600";

std::string Concat(std::initializer_list<std::string_view> parts) {
  std::string joined;
  for (const std::string_view part : parts) joined.append(part);
  return joined;
}

// "http://host:port answered HTTP 503" or what kept it from answering. Bodies stay out: they may hold tokens.
std::string Failure(const HttpRequest& request, const HttpOutcome& outcome) {
  const std::string_view where = std::string_view(request.url).substr(0, request.url.find('?'));
  if (outcome.fault != HttpFault::kNone) return Concat({where, ": ", outcome.fault_text});
  return Concat({where, " answered HTTP ", std::to_string(outcome.response.status)});
}

bool IsOk(const HttpOutcome& outcome) { return outcome.fault == HttpFault::kNone && outcome.response.status == 200; }

bool IsTransient(const HttpOutcome& outcome) {
  if (outcome.fault == HttpFault::kCancelled || outcome.fault == HttpFault::kTls) return false;
  return outcome.fault != HttpFault::kNone || outcome.response.status == 429 || outcome.response.status >= 500;
}

HttpOutcome PerformPatiently(const HttpRequest& request, const CredentialWorld& world) {
  HttpOutcome outcome = world.http(request);
  for (int attempt = 1; attempt < kCredentialAttemptsMax && IsTransient(outcome); ++attempt) {
    world.sleep_ms(int64_t{100} << attempt);
    outcome = world.http(request);
  }
  return outcome;
}

Status Unavailable(const HttpRequest& request, const HttpOutcome& outcome) {
  if (outcome.fault == HttpFault::kCancelled) return Err::kCancelled;
  return Status::WithText(Err::kUnavailable, Failure(request, outcome));
}

std::string MetadataBase(const AwsSettings& settings) {
  std::string base = settings.Variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
  if (base.empty()) {
    const bool ipv6 = LowerCased(settings.Variable("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE")) == "ipv6";
    base = ipv6 ? "http://[fd00:ec2::254]" : "http://169.254.169.254";
  }
  while (!base.empty() && base.back() == '/') base.pop_back();
  return base;
}

HttpRequest MetadataRequest(const AwsSettings& settings, std::string_view path) {
  HttpRequest request;
  request.url = MetadataBase(settings).append("/latest/").append(path);
  request.connect_timeout_ms = kMetadataTimeoutMs;
  request.total_timeout_ms = kMetadataTimeoutMs;
  request.use_proxy = false;
  return request;
}

// The session token every other request needs; empty with `why_not` filled when the service is not there.
std::string FetchMetadataToken(const AwsSettings& settings, const CredentialWorld& world, std::string& why_not) {
  if (LowerCased(settings.Variable("AWS_EC2_METADATA_DISABLED")) == "true") {
    why_not = "switched off by AWS_EC2_METADATA_DISABLED";
    return {};
  }
  HttpRequest request = MetadataRequest(settings, "api/token");
  request.method = "PUT";
  request.headers = {{"X-aws-ec2-metadata-token-ttl-seconds", std::string(kTokenLifetimeS)}};
  const HttpOutcome outcome = world.http(request);
  if (!IsOk(outcome) || outcome.response.body.empty()) {
    why_not = Failure(request, outcome);
    return {};
  }
  return outcome.response.body;
}

HttpOutcome GetMetadata(const AwsSettings& settings, const CredentialWorld& world, const std::string& token,
                        HttpRequest& request, std::string_view path) {
  request = MetadataRequest(settings, path);
  request.headers = {{"X-aws-ec2-metadata-token", token}};
  return world.http(request);
}

// Whether plain http may be used: only where nobody else can listen.
bool IsLocalCredentialHost(std::string_view url) {
  for (const std::string_view host : {"http://127.0.0.1", "http://localhost", "http://[::1]", "http://169.254.170.2",
                                      "http://169.254.170.23", "http://[fd00:ec2::23]"}) {
    if (url.substr(0, host.size()) != host) continue;
    const std::string_view rest = url.substr(host.size());
    // "http://127.0.0.1:80@host/" is another host with a user name.
    const bool has_user = rest.substr(0, rest.find('/')).find('@') != std::string_view::npos;
    if (!has_user && (rest.empty() || rest.front() == ':' || rest.front() == '/')) return true;
  }
  return false;
}

Result<std::string> ContainerToken(const AwsSettings& settings) {
  const std::string file = settings.Variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  std::string token = settings.Variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  if (!file.empty()) {
    Result<std::string> content = ReadSmallFile(file, kCredentialTokenBytesMax);
    if (!content) return content.error();
    token = *std::move(content);
  }
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r' || token.back() == ' ')) token.pop_back();
  if (token.find_first_of("\r\n") != std::string::npos) {
    return Status::WithText(Err::kConfig, "the container authorization token holds a line break");
  }
  return token;
}

std::string StsUrl(const AwsSettings& settings, const std::string& region) {
  std::string url = settings.StsEndpoint();
  if (url.empty()) {
    url = region.empty() ? "https://sts.amazonaws.com" : Concat({"https://sts.", region, ".amazonaws.com"});
    if (region.substr(0, 3) == "cn-") url.append(".cn");
  }
  if (url.back() != '/') url.push_back('/');
  return url;
}

HttpRequest StsRequest(const std::string& action, const RoleRequest& role, std::vector<QueryParameter> more,
                       const AwsSettings& settings, const std::string& region) {
  const std::string session_name = role.session_name.empty() ? "cachenode" : role.session_name;
  more.push_back({"Action", action});
  more.push_back({"Version", "2011-06-15"});
  more.push_back({"RoleArn", role.role_arn});
  more.push_back({"RoleSessionName", session_name});
  if (!role.duration_seconds.empty()) more.push_back({"DurationSeconds", role.duration_seconds});
  HttpRequest request;
  request.method = "POST";
  request.url = StsUrl(settings, region);
  request.body = CanonicalQuery(std::move(more));
  request.headers = {{"content-type", "application/x-www-form-urlencoded"}};
  request.total_timeout_ms = kStsTimeoutMs;
  request.ca_file = settings.CaFile();
  return request;
}

// The body itself is never quoted: it holds the keys. An error's code is public.
Result<AwsCredentials> ParseStsAnswer(const HttpRequest& request, const HttpOutcome& outcome,
                                      const std::string& source) {
  const std::string& body = outcome.response.body;
  if (outcome.fault != HttpFault::kNone) return Unavailable(request, outcome);
  if (outcome.response.status != 200) {
    const std::string code = XmlField(body, "Code").value_or("");
    return Status::WithText(Err::kUnavailable, Concat({Failure(request, outcome), code.empty() ? "" : " ", code}));
  }
  const std::optional<std::string> id = XmlField(body, "AccessKeyId");
  const std::optional<std::string> secret = XmlField(body, "SecretAccessKey");
  const std::optional<std::string> token = XmlField(body, "SessionToken");
  const std::optional<int64_t> expires = ParseInstant(XmlField(body, "Expiration").value_or(""));
  if (!id || !secret || !token || !expires || id->empty() || secret->empty()) {
    return Status::WithText(Err::kUnavailable, Concat({kTokenService, ": the answer holds no complete credentials"}));
  }
  return AwsCredentials{*id, *secret, *token, *expires, source};
}

std::string HostOfUrl(std::string_view url) {
  const size_t start = url.find("://") + 3;
  return std::string(url.substr(start, url.find('/', start) - start));
}

}  // namespace

Result<CredentialAnswer> FetchInstanceCredentials(const AwsSettings& settings, const CredentialWorld& world) {
  CredentialAnswer answer;
  const std::string token = FetchMetadataToken(settings, world, answer.why_not);
  if (token.empty()) return answer;

  HttpRequest request;
  const HttpOutcome roles = GetMetadata(settings, world, token, request, "meta-data/iam/security-credentials/");
  if (roles.fault == HttpFault::kNone && roles.response.status == 404) {
    answer.why_not = "the machine has no role";
    return answer;
  }
  if (!IsOk(roles)) return Unavailable(request, roles);
  const std::string role = roles.response.body.substr(0, roles.response.body.find_first_of("\r\n"));
  const HttpOutcome keys = GetMetadata(settings, world, token, request,
                                       Concat({"meta-data/iam/security-credentials/", UriEncode(role, false)}));
  if (!IsOk(keys)) return Unavailable(request, keys);
  Result<AwsCredentials> parsed = ParseCredentialJson(keys.response.body, "Token", kInstanceMetadataName);
  if (!parsed) return parsed.error();
  answer.found = *std::move(parsed);
  return answer;
}

std::string FetchInstanceRegion(const AwsSettings& settings, const CredentialWorld& world) {
  std::string ignored;
  const std::string token = FetchMetadataToken(settings, world, ignored);
  if (token.empty()) return {};
  HttpRequest request;
  const HttpOutcome outcome = GetMetadata(settings, world, token, request, "meta-data/placement/region");
  return IsOk(outcome) && IsRegionName(outcome.response.body) ? outcome.response.body : std::string();
}

Result<CredentialAnswer> FetchContainerCredentials(const AwsSettings& settings, const CredentialWorld& world) {
  const std::string relative = settings.Variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const std::string full = settings.Variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  CredentialAnswer answer;
  if (relative.empty() && full.empty()) {
    answer.why_not = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and _FULL_URI not set";
    return answer;
  }
  if (!relative.empty() && relative.front() != '/') {
    return Status::WithText(Err::kConfig, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI must begin with '/'");
  }
  HttpRequest request;
  request.url = relative.empty() ? full : Concat({"http://169.254.170.2", relative});
  if (request.url.substr(0, 8) != "https://" && !IsLocalCredentialHost(request.url)) {
    return Status::WithText(Err::kConfig,
                            "AWS_CONTAINER_CREDENTIALS_FULL_URI must be https:// or a loopback or container address");
  }
  request.total_timeout_ms = kContainerTimeoutMs;
  request.connect_timeout_ms = kContainerTimeoutMs;
  request.use_proxy = false;
  const Result<std::string> token = ContainerToken(settings);
  if (!token) return Status::WithText(Err::kConfig, std::string(token.status().text()));
  if (!token->empty()) request.headers.push_back({"Authorization", *token});

  const HttpOutcome outcome = PerformPatiently(request, world);
  if (!IsOk(outcome)) return Unavailable(request, outcome);
  Result<AwsCredentials> parsed = ParseCredentialJson(outcome.response.body, "Token", kContainerService);
  if (!parsed) return parsed.error();
  answer.found = *std::move(parsed);
  return answer;
}

Result<AwsCredentials> AssumeRoleWithWebIdentity(const RoleRequest& role, const std::string& token_file,
                                                 const AwsSettings& settings, const CredentialWorld& world) {
  Result<std::string> token = ReadSmallFile(token_file, kCredentialTokenBytesMax);
  if (!token) return token.error();
  while (!token->empty() && (token->back() == '\n' || token->back() == '\r')) token->pop_back();
  const Result<std::string> region = settings.Region();
  if (!region) return Status::WithText(Err::kConfig, std::string(region.status().text()));
  const HttpRequest request =
      StsRequest("AssumeRoleWithWebIdentity", role, {{"WebIdentityToken", *token}}, settings, *region);
  return ParseStsAnswer(request, PerformPatiently(request, world), Concat({"web identity as ", role.role_arn}));
}

Result<AwsCredentials> AssumeRole(const RoleRequest& role, const AwsCredentials& signer, const AwsSettings& settings,
                                  const CredentialWorld& world) {
  const Result<std::string> region = settings.Region();
  if (!region) return Status::WithText(Err::kConfig, std::string(region.status().text()));
  std::vector<QueryParameter> more;
  if (!role.external_id.empty()) more.push_back({"ExternalId", role.external_id});
  HttpRequest request = StsRequest("AssumeRole", role, std::move(more), settings, *region);

  const int64_t now_s = world.now_unix_s();
  request.headers.push_back({"host", HostOfUrl(request.url)});
  request.headers.push_back({"x-amz-date", AmzDate(now_s)});
  if (!signer.session_token.empty()) request.headers.push_back({"x-amz-security-token", signer.session_token});
  const std::string payload_hash = Sha256Hex(request.body);
  const SigningScope scope{region->empty() ? std::string_view("us-east-1") : std::string_view(*region), "sts", now_s};
  const SigningRequest to_sign{"POST", "/", {}, request.headers, payload_hash};
  request.headers.push_back(
      {"Authorization", AuthorizationHeader(to_sign, scope, {signer.access_key_id, signer.secret_access_key})});
  return ParseStsAnswer(request, PerformPatiently(request, world), Concat({"role ", role.role_arn}));
}

Result<AwsCredentials> ParseCredentialJson(std::string_view json, std::string_view token_name,
                                           std::string_view source) {
  const std::optional<std::string> code = JsonField(json, "Code");
  if (code && *code != "Success") {
    return Status::WithText(Err::kUnavailable, Concat({source, " answered ", *code}));
  }
  const std::optional<std::string> id = JsonField(json, "AccessKeyId");
  const std::optional<std::string> secret = JsonField(json, "SecretAccessKey");
  const std::optional<std::string> expiration = JsonField(json, "Expiration");
  if (!id || !secret || id->empty() || secret->empty()) {
    return Status::WithText(Err::kUnavailable, Concat({source, ": the answer holds no complete credentials"}));
  }
  AwsCredentials credentials{*id, *secret, JsonField(json, token_name).value_or(""), 0, std::string(source)};
  if (!expiration) return credentials;
  const std::optional<int64_t> instant = ParseInstant(*expiration);
  if (!instant) return Status::WithText(Err::kUnavailable, Concat({source, ": Expiration is not a time"}));
  credentials.expires_unix_s = *instant;
  return credentials;
}

std::optional<int64_t> ParseInstant(std::string_view text) {
  std::tm parts{};
  const std::string terminated(text);
  const char* rest = strptime(terminated.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) return std::nullopt;
  if (*rest == '.') {
    do ++rest;
    while (*rest >= '0' && *rest <= '9');
  }
  const std::string_view zone(rest);
  if (zone != "Z" && zone != "+00:00") return std::nullopt;
  return static_cast<int64_t>(timegm(&parts));
}

}  // namespace cachenode
