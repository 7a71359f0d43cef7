// A certificate authority and what it signed, as PEM files in a folder of their own: for tests of encrypted
// connections.
//
// Thread-safety: one test thread. The folder goes with the object.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "server/config/tls_directives.h"
#include "tests/support/scratch_folder.h"

struct evp_pkey_st;
struct x509_st;

namespace cachenode {

class TestCertificates {
 public:
  TestCertificates();

  // Options of a node with the authority's "server" certificate; clients need none.
  [[nodiscard]] TlsDirectives Options() const;
  // "ca.crt", "server.crt", "server.key", "client.crt", "client.key", "stranger.crt" and .key (signed by nobody),
  // "locked.key" (the server's, encrypted with "1234").
  [[nodiscard]] std::string Path(std::string_view name) const { return folder_.File(name); }

 private:
  void MakePair(const std::string& name, x509_st* issuer, evp_pkey_st* issuer_key);

  ScratchFolder folder_;
};

}  // namespace cachenode
