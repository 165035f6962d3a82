#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cstdio>

#include "server/http/tiny_routes_fixture.h"
#include "tests/support/temporary_folder.h"

namespace hearth::server::http {
namespace {

struct FreePkey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeX509 {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
struct FreeSsl {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

// A self-signed certificate for localhost and its key, as PEM files.
void write_certificate(const std::string& certificate_path, const std::string& key_path) {
  const std::unique_ptr<EVP_PKEY, FreePkey> key(EVP_EC_gen("P-256"));
  const std::unique_ptr<X509, FreeX509> certificate(X509_new());
  ASSERT_TRUE(key && certificate);
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME* name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("localhost"),
                             -1, -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  ASSERT_GT(X509_sign(certificate.get(), key.get(), EVP_sha256()), 0);
  std::FILE* file = std::fopen(certificate_path.c_str(), "w");
  PEM_write_X509(file, certificate.get());
  std::fclose(file);
  file = std::fopen(key_path.c_str(), "w");
  PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(file);
}

class TlsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    options_.certificate_path = (folder_.path() / "certificate.pem").string();
    options_.key_path = (folder_.path() / "key.pem").string();
    write_certificate(options_.certificate_path, options_.key_path);
    server_ = std::make_unique<LiveServer>(tiny_router(seen_), options_);
  }

  // What a TLS client over `client` is answered; empty: no handshake.
  std::string ask(RawClient& client, int version, const std::string& request) {
    const std::unique_ptr<SSL_CTX, FreeSsl> context(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_min_proto_version(context.get(), version);
    SSL_CTX_set_max_proto_version(context.get(), version);
    const std::unique_ptr<SSL, FreeSsl> ssl(SSL_new(context.get()));
    SSL_set_fd(ssl.get(), client.descriptor());
    if (SSL_connect(ssl.get()) != 1) return "";
    EXPECT_EQ(SSL_version(ssl.get()), TLS1_3_VERSION);
    if (SSL_write(ssl.get(), request.data(), static_cast<int>(request.size())) <= 0) return "";
    std::string answer;
    char piece[16384];
    int n = 0;
    while ((n = SSL_read(ssl.get(), piece, sizeof(piece))) > 0) answer.append(piece, static_cast<size_t>(n));
    EXPECT_EQ(SSL_get_error(ssl.get(), n), SSL_ERROR_ZERO_RETURN);
    return answer;
  }

  hearth::testing::TemporaryFolder folder_;
  std::shared_ptr<Seen> seen_ = std::make_shared<Seen>();
  ServerOptions options_;
  std::unique_ptr<LiveServer> server_;
};

TEST_F(TlsTest, Tls13_IsAnswered) {
  RawClient client(server_->port());
  const std::string answer =
      ask(client, TLS1_3_VERSION, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 ")) << answer;
  EXPECT_TRUE(answer.ends_with("alive"));
}

TEST_F(TlsTest, LargeBodies_ArriveWhole) {
  std::string body(3'000'000, 'a');
  for (size_t i = 0; i < body.size(); i += 7) body[i] = static_cast<char>('b' + i % 20);
  RawClient client(server_->port());
  const std::string answer =
      ask(client, TLS1_3_VERSION,
          "POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 3000000\r\n\r\n" +
              body);
  EXPECT_TRUE(answer.ends_with(body));
}

TEST_F(TlsTest, Stream_ArrivesWhole) {
  RawClient client(server_->port());
  const std::string answer =
      ask(client, TLS1_3_VERSION, "GET /stream HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(answer.ends_with("4\r\none\n\r\n4\r\ntwo\n\r\n0\r\n\r\n")) << answer;
}

TEST_F(TlsTest, Tls12_IsRefused) {
  RawClient client(server_->port());
  EXPECT_EQ(ask(client, TLS1_2_VERSION, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), "");
}

TEST_F(TlsTest, PlainHttp_IsToldToUseHttps) {
  RawClient client(server_->port());
  const RawResponse response = client.ask(kGet);
  EXPECT_EQ(response.status, 400);
  EXPECT_NE(response.body.find("https://"), std::string::npos);
}

TEST_F(TlsTest, ClientThatGoesAway_IsNoticed) {
  auto noticed = seen_->disconnected.get_future();
  RawClient client(server_->port());
  const std::unique_ptr<SSL_CTX, FreeSsl> context(SSL_CTX_new(TLS_client_method()));
  const std::unique_ptr<SSL, FreeSsl> ssl(SSL_new(context.get()));
  SSL_set_fd(ssl.get(), client.descriptor());
  ASSERT_EQ(SSL_connect(ssl.get()), 1);
  const std::string request = "GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n";
  ASSERT_GT(SSL_write(ssl.get(), request.data(), static_cast<int>(request.size())), 0);
  ASSERT_TRUE(server_->wait_for([](const ServerStats& stats) { return stats.n_requests_in_flight == 1; }));
  client.close();
  EXPECT_EQ(noticed.wait_for(std::chrono::seconds(2)), std::future_status::ready);
}

TEST_F(TlsTest, FilesThatDoNotBelongTogether_AreRefused) {
  boost::asio::io_context context;
  ServerOptions options = options_;
  options.port = 0;
  options.key_path = (folder_.path() / "other.pem").string();
  const auto missing = Server::create(context.get_executor(), Router{}, options, allow_everybody());
  EXPECT_FALSE(missing);
  write_certificate((folder_.path() / "unused.pem").string(), options.key_path);
  const auto foreign = Server::create(context.get_executor(), Router{}, options, allow_everybody());
  EXPECT_FALSE(foreign);
  options.key_path.clear();
  EXPECT_FALSE(Server::create(context.get_executor(), Router{}, options, allow_everybody()));
}

}  // namespace
}  // namespace hearth::server::http
