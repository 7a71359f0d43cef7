#include "server/script/script_engine.h"

#include <array>
#include <utility>

#include "server/client_registry.h"
#include "server/command_table.h"
#include "server/config/config.h"
#include "server/config/config_store.h"
#include "server/persistence_service.h"
#include "server/script/shebang.h"
#include "storage/base/bytes.h"
#include "storage/base/cycle_clock.h"
#include "storage/base/log.h"
#include "storage/base/random.h"

namespace cachenode {
namespace {

constexpr std::string_view kKillRefused =
    "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the script "
    "termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.";

// "7.0.15" -> 0x07000f.
uint32_t VersionNumber(std::string_view text) {
  uint32_t number = 0;
  uint32_t part = 0;
  for (const char c : text) {
    if (c == '.') {
      number = (number | part) << 8;
      part = 0;
    } else {
      part = part * 10 + static_cast<uint32_t>(c - '0');
    }
  }
  return number | part;
}

LogLevel LevelOf(int level) {
  constexpr std::array kLevels = {LogLevel::kDebug, LogLevel::kVerbose, LogLevel::kNotice, LogLevel::kWarning};
  return kLevels[static_cast<size_t>(level)];
}

}  // namespace

ScriptEngine::ScriptEngine(const ServerParts& parts)
    : parts_(parts),
      slot_(parts.clients->worker_count(),
            [this](uint64_t client_id) {
              parts_.clients->Post(client_id, [](Session& session) {
                if (session.connection != nullptr) session.connection->Resume();
              });
            }),
      eval_vm_(MakeVm(LuaVm::Purpose::kEval)),
      function_vm_(MakeVm(LuaVm::Purpose::kFunctions)),
      cache_(
          parts.config->Current().engine_version.AtLeast(7, 4),
          parts.config->Current().engine_version.AtLeastValkey(9, 1) ? ShebangErrors::kValkey : ShebangErrors::kRedis),
      session_(0, 0, chunks_) {
  session_.is_internal = true;
  session_.authenticated = true;
}

ScriptEngine::~ScriptEngine() = default;

LuaVm::Options ScriptEngine::OptionsFor(LuaVm::Purpose purpose) const {
  const Config& config = parts_.config->Current();
  LuaVm::Options options;
  options.purpose = purpose;
  options.deprecated_api = config.lua_enable_deprecated_api;
  options.has_clock = config.engine_version.AtLeast(7, 2);
  options.version = config.engine_version.RedisVersionText();
  options.version_number = VersionNumber(options.version);
  options.random_seed = ThreadRandom().Next();
  return options;
}

std::unique_ptr<LuaVm> ScriptEngine::MakeVm(LuaVm::Purpose purpose) const {
  std::unique_ptr<LuaVm> vm = LuaVm::Create(OptionsFor(purpose));
  Log* log = parts_.log;
  if (log == nullptr) return vm;
  vm->log = [log](int level, std::string_view text) {
    const LogLevel wanted = LevelOf(level);
    if (log->Enabled(wanted)) log->WriteLine(wanted, text);
  };
  return vm;
}

// --- The running script ----------------------------------------------------------------------------------------------

bool ScriptEngine::NeedsWorld(const Command& command, Args args) {
  if (args.size() < 3) return false;
  const std::string_view name = command.full_name;
  if (name.starts_with("evalsha")) {
    const CachedScript* script = cache_.FindHash(args[1]);
    return script != nullptr && script->needs_world;
  }
  if (name.starts_with("eval")) {
    const CachedScript* script = cache_.FindCode(args[1]);
    return script != nullptr && script->needs_world;
  }
  return FunctionNeedsWorld(args[1]);
}

bool ScriptEngine::DeclaresNoWrites(const Command& command, Args args) {
  const std::string_view name = command.spec->name;  // Whatever a rename made of it.
  uint32_t flags = 0;
  if (name.starts_with("evalsha")) {
    const CachedScript* script = cache_.FindHash(args[1]);
    if (script != nullptr) flags = script->flags;
  } else if (name.starts_with("eval")) {
    const Result<ScriptHead> head = ParseScriptHead(args[1]);
    if (head) flags = head->flags;
  } else {
    const LibrarySet::Found found = libraries_.FindFunction(args[1]);
    if (found.function != nullptr) flags = found.function->flags;
  }
  return (flags & kScriptNoWrites) != 0;
}

bool ScriptEngine::FunctionNeedsWorld(std::string_view name) const {
  return !functions_needing_world_.empty() && functions_needing_world_.contains(std::string(name));
}

void ScriptEngine::NoteFunctionNeedsWorld(std::string_view name) {
  functions_needing_world_.emplace(std::string(name), true);
}

void ScriptEngine::Begin(ScriptKind kind, std::string_view name, Args request) {
  const std::lock_guard<std::mutex> guard(running_mutex_);
  running_kind_ = kind;
  running_name_.assign(name);
  running_request_.resize(request.size());
  for (size_t i = 0; i < request.size(); ++i) running_request_[i].assign(request[i]);
  running_since_ticks_ = CycleClock::Ticks();
  phase_.store(Phase::kRunning, std::memory_order_release);
}

void ScriptEngine::End() { phase_.store(Phase::kIdle, std::memory_order_release); }

bool ScriptEngine::MarkWrite() {
  Phase expected = Phase::kRunning;
  if (phase_.compare_exchange_strong(expected, Phase::kWrote, std::memory_order_acq_rel)) return true;
  return expected == Phase::kWrote;
}

// Either the script sees the guest or the guest sees that it is closed: both write first and then read.
bool ScriptEngine::TryBeGuest() {
  guests_.fetch_add(1, std::memory_order_seq_cst);
  if (open_.load(std::memory_order_seq_cst)) return true;
  EndGuest();
  return false;
}

void ScriptEngine::EndGuest() {
  guests_.fetch_sub(1, std::memory_order_seq_cst);
  guests_.notify_all();
}

void ScriptEngine::Close() {
  open_.store(false, std::memory_order_seq_cst);
  // A guest that ends the node waits for the script, not the other way round.
  for (uint32_t guests = guests_.load(); guests != 0 && (guests & kAborting) == 0; guests = guests_.load()) {
    guests_.wait(guests);
  }
}

void ScriptEngine::AbortForShutdown() {
  aborts_.store(true);
  guests_.fetch_or(kAborting);
  guests_.notify_all();
}

std::string ScriptEngine::BusyText() const {
  const std::lock_guard<std::mutex> guard(running_mutex_);
  const std::string_view product = parts_.config->Current().engine_version.AtLeastValkey(8, 0) ? "Valkey" : "Redis";
  const std::string_view how = running_kind_ == ScriptKind::kEval ? "SCRIPT KILL" : "FUNCTION KILL";
  return std::string("BUSY ")
      .append(product)
      .append(" is busy running a script. You can only call ")
      .append(how)
      .append(" or SHUTDOWN NOSAVE.");
}

Status ScriptEngine::Kill(ScriptKind asked) {
  const Phase phase = phase_.load(std::memory_order_acquire);
  if (phase == Phase::kIdle) return Status::Text("NOTBUSY No scripts in execution right now.");
  if (phase == Phase::kWrote) return Status::Text(std::string(kKillRefused));
  bool fits = false;
  {
    const std::lock_guard<std::mutex> guard(running_mutex_);
    fits = running_kind_ == asked;
  }
  if (!fits) return Status::Text(BusyText());
  Phase expected = Phase::kRunning;
  if (phase_.compare_exchange_strong(expected, Phase::kKilled, std::memory_order_acq_rel)) return Status::Ok();
  if (expected == Phase::kKilled) return Status::Ok();
  if (expected == Phase::kWrote) return Status::Text(std::string(kKillRefused));
  return Status::Text("NOTBUSY No scripts in execution right now.");
}

ScriptEngine::Running ScriptEngine::Describe() const {
  Running running;
  if (phase_.load(std::memory_order_acquire) == Phase::kIdle) return running;
  const std::lock_guard<std::mutex> guard(running_mutex_);
  running.any = true;
  running.name = running_name_;
  running.request = running_request_;
  running.duration_ms =
      static_cast<int64_t>(CycleClock::ToMicroseconds(CycleClock::Ticks() - running_since_ticks_) / 1000);
  return running;
}

// --- Libraries -------------------------------------------------------------------------------------------------------

void ScriptEngine::SetLibraries(LibrarySet libraries) {
  libraries_ = std::move(libraries);
  functions_needing_world_.clear();
  library_bytes_.store(libraries_.MemoryBytes(), std::memory_order_relaxed);
  library_count_.store(libraries_.libraries().size(), std::memory_order_relaxed);
  function_count_.store(libraries_.function_count(), std::memory_order_relaxed);
  if (parts_.persistence != nullptr) parts_.persistence->SetFunctions(libraries_.Sources());
}

Result<std::string> ScriptEngine::LoadLibrary(std::string_view code, bool replace) {
  Result<std::shared_ptr<const FunctionLibrary>> library =
      cachenode::LoadLibrary(*function_vm_, code, [&](const std::string& name) -> Status {
        if (replace || !libraries_.HasLibrary(name)) return Status::Ok();
        return Status::Text("ERR Library '" + name + "' already exists");
      });
  if (!library) return library.error();
  LibrarySet changed = libraries_;
  const std::string name = (*library)->name;
  Status status = changed.Add(*std::move(library), LibrarySet::OnConflict::kReplace);
  if (!status.ok()) return status;
  SetLibraries(std::move(changed));
  return name;
}

Status ScriptEngine::RestoreLibraries(const std::vector<std::string>& sources, LibraryPolicy policy) {
  LibrarySet changed = policy == LibraryPolicy::kFlush ? LibrarySet() : libraries_;
  LibrarySet added;
  for (const std::string& source : sources) {
    Result<std::shared_ptr<const FunctionLibrary>> library =
        cachenode::LoadLibrary(*function_vm_, source, [&](const std::string& name) -> Status {
          if (!added.HasLibrary(name)) return Status::Ok();
          return Status::Text("ERR Library '" + name + "' already exists");
        });
    if (!library) return library.error();
    Status status = added.Add(*std::move(library), LibrarySet::OnConflict::kFail);
    if (!status.ok()) return status;
  }
  const auto rule =
      policy == LibraryPolicy::kReplace ? LibrarySet::OnConflict::kReplace : LibrarySet::OnConflict::kFail;
  // What is replaced goes first, so that its functions do not stand in the way of others.
  if (policy == LibraryPolicy::kReplace) {
    for (const auto& [name, library] : added.libraries()) changed.Remove(name);
  }
  for (const auto& [name, library] : added.libraries()) {
    Status status = changed.Add(library, rule);
    if (!status.ok()) return status;
  }
  SetLibraries(std::move(changed));
  return Status::Ok();
}

void ScriptEngine::FlushScripts() {
  cache_.Clear();
  eval_vm_ = MakeVm(LuaVm::Purpose::kEval);
}

void ScriptEngine::FlushLibraries() {
  SetLibraries({});
  function_vm_ = MakeVm(LuaVm::Purpose::kFunctions);
}

ScriptFigures ScriptEngine::figures() const {
  ScriptFigures figures;
  figures.eval_vm_bytes = eval_vm_->memory_bytes();
  figures.function_vm_bytes = function_vm_->memory_bytes();
  figures.script_bytes = cache_.memory_bytes();
  figures.function_bytes = library_bytes_.load(std::memory_order_relaxed);
  figures.scripts = cache_.count();
  figures.functions = function_count_.load(std::memory_order_relaxed);
  figures.libraries = library_count_.load(std::memory_order_relaxed);
  figures.evicted = cache_.evicted();
  return figures;
}

}  // namespace cachenode
