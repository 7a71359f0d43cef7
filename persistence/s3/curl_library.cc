#include "persistence/s3/curl_library.h"

#include <curl/curl.h>
#include <dlfcn.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <string>

// Headers may wrap these in checking macros; here the functions themselves are meant.
#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

namespace cachenode {
namespace {

constexpr const char* kLibraryName = "libcurl.so.4";

struct Library {
  void* handle = nullptr;
  std::string failure;

  Library() {
    handle = dlopen(kLibraryName, RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) {
      const char* reason = dlerror();  // NOLINT(concurrency-mt-unsafe): glibc keeps it by thread.
      failure = reason != nullptr ? reason : kLibraryName;
      return;
    }
    using GlobalInit = CURLcode (*)(long);
    const auto init = reinterpret_cast<GlobalInit>(dlsym(handle, "curl_global_init"));
    // Process-wide by libcurl's design; never undone, because other transfers could still be running.
    if (init == nullptr || init(CURL_GLOBAL_DEFAULT) != CURLE_OK) failure = "libcurl could not be initialised";
  }
};

const Library& LoadedLibrary() {
  static const Library library;
  return library;
}

// The library's function of that name. A function that is missing, or a call before LoadCurl was Ok, is a bug.
template <typename Function>
Function Find(const char* name) noexcept {
  const Library& library = LoadedLibrary();
  void* found = library.failure.empty() ? dlsym(library.handle, name) : nullptr;
  if (found == nullptr) {
    std::fprintf(stderr, "%s is not there: %s\n", name, library.failure.c_str());
    std::abort();
  }
  return reinterpret_cast<Function>(found);
}

}  // namespace

Status LoadCurl() {
  const Library& library = LoadedLibrary();
  if (library.failure.empty()) return Status::Ok();
  return Status::WithText(Err::kUnavailable, "libcurl cannot be used: " + library.failure);
}

}  // namespace cachenode

// The forwarding functions. Those with a variable argument take exactly one, a pointer or an integer of its size, on
// every platform this builds for. Clang fears that promotion changes the parameter before the list: libcurl's
// enumerations are as wide as an int, and the declarations are its own.
#pragma GCC diagnostic ignored "-Wvarargs"
extern "C" {

CURL* curl_easy_init(void) {
  static const auto real = cachenode::Find<CURL* (*)()>("curl_easy_init");
  return real();
}

void curl_easy_cleanup(CURL* handle) {
  static const auto real = cachenode::Find<void (*)(CURL*)>("curl_easy_cleanup");
  real(handle);
}

void curl_easy_reset(CURL* handle) {
  static const auto real = cachenode::Find<void (*)(CURL*)>("curl_easy_reset");
  real(handle);
}

CURLcode curl_easy_setopt(CURL* handle, CURLoption option, ...) {
  static const auto real = cachenode::Find<CURLcode (*)(CURL*, CURLoption, ...)>("curl_easy_setopt");
  va_list list;
  va_start(list, option);
  void* const value = va_arg(list, void*);
  va_end(list);
  return real(handle, option, value);
}

CURLcode curl_easy_getinfo(CURL* handle, CURLINFO info, ...) {
  static const auto real = cachenode::Find<CURLcode (*)(CURL*, CURLINFO, ...)>("curl_easy_getinfo");
  va_list list;
  va_start(list, info);
  void* const value = va_arg(list, void*);
  va_end(list);
  return real(handle, info, value);
}

const char* curl_easy_strerror(CURLcode code) {
  static const auto real = cachenode::Find<const char* (*)(CURLcode)>("curl_easy_strerror");
  return real(code);
}

time_t curl_getdate(const char* text, const time_t* unused) {
  static const auto real = cachenode::Find<time_t (*)(const char*, const time_t*)>("curl_getdate");
  return real(text, unused);
}

CURLM* curl_multi_init(void) {
  static const auto real = cachenode::Find<CURLM* (*)()>("curl_multi_init");
  return real();
}

CURLMcode curl_multi_cleanup(CURLM* multi) {
  static const auto real = cachenode::Find<CURLMcode (*)(CURLM*)>("curl_multi_cleanup");
  return real(multi);
}

CURLMcode curl_multi_setopt(CURLM* multi, CURLMoption option, ...) {
  static const auto real = cachenode::Find<CURLMcode (*)(CURLM*, CURLMoption, ...)>("curl_multi_setopt");
  va_list list;
  va_start(list, option);
  void* const value = va_arg(list, void*);
  va_end(list);
  return real(multi, option, value);
}

CURLMcode curl_multi_add_handle(CURLM* multi, CURL* easy) {
  static const auto real = cachenode::Find<CURLMcode (*)(CURLM*, CURL*)>("curl_multi_add_handle");
  return real(multi, easy);
}

CURLMcode curl_multi_remove_handle(CURLM* multi, CURL* easy) {
  static const auto real = cachenode::Find<CURLMcode (*)(CURLM*, CURL*)>("curl_multi_remove_handle");
  return real(multi, easy);
}

CURLMcode curl_multi_perform(CURLM* multi, int* running) {
  static const auto real = cachenode::Find<CURLMcode (*)(CURLM*, int*)>("curl_multi_perform");
  return real(multi, running);
}

CURLMcode curl_multi_poll(CURLM* multi, curl_waitfd* extra, unsigned int extra_count, int timeout_ms, int* ready) {
  static const auto real =
      cachenode::Find<CURLMcode (*)(CURLM*, curl_waitfd*, unsigned int, int, int*)>("curl_multi_poll");
  return real(multi, extra, extra_count, timeout_ms, ready);
}

CURLMcode curl_multi_wakeup(CURLM* multi) {
  static const auto real = cachenode::Find<CURLMcode (*)(CURLM*)>("curl_multi_wakeup");
  return real(multi);
}

CURLMsg* curl_multi_info_read(CURLM* multi, int* queued) {
  static const auto real = cachenode::Find<CURLMsg* (*)(CURLM*, int*)>("curl_multi_info_read");
  return real(multi, queued);
}

curl_slist* curl_slist_append(curl_slist* list, const char* text) {
  static const auto real = cachenode::Find<curl_slist* (*)(curl_slist*, const char*)>("curl_slist_append");
  return real(list, text);
}

void curl_slist_free_all(curl_slist* list) {
  static const auto real = cachenode::Find<void (*)(curl_slist*)>("curl_slist_free_all");
  real(list);
}

}  // extern "C"
