#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "base/excerpt.h"
#include "server/http/transport.h"

namespace hearth::server::http {
namespace {

struct FreeContext {
  void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
};
struct FreeSsl {
  void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
};
struct FreeMethod {
  void operator()(BIO_METHOD* method) const noexcept { BIO_meth_free(method); }
};

// OpenSSL's own BIO of a socket raises SIGPIPE when the other end has gone. This one does not.
int socket_of(BIO* bio) {
  return static_cast<int>(reinterpret_cast<intptr_t>(BIO_get_data(bio)));
}
int bio_write(BIO* bio, const char* bytes, int n_bytes) {
  BIO_clear_retry_flags(bio);
  const ssize_t n = send(socket_of(bio), bytes, static_cast<size_t>(n_bytes), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
  return static_cast<int>(n);
}
int bio_read(BIO* bio, char* buffer, int n_bytes) {
  BIO_clear_retry_flags(bio);
  const ssize_t n = recv(socket_of(bio), buffer, static_cast<size_t>(n_bytes), MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
  return static_cast<int>(n);
}
long bio_control(BIO* /*bio*/, int command, long /*argument*/, void* /*pointer*/) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD* bio_method() {
  static const std::unique_ptr<BIO_METHOD, FreeMethod> method = [] {
    std::unique_ptr<BIO_METHOD, FreeMethod> made(
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket without signals"));
    if (made) {
      BIO_meth_set_write(made.get(), bio_write);
      BIO_meth_set_read(made.get(), bio_read);
      BIO_meth_set_ctrl(made.get(), bio_control);
    }
    return made;
  }();
  return method.get();
}

class TlsTransport : public Transport {
 public:
  TlsTransport(std::shared_ptr<TlsContext> context, std::unique_ptr<SSL, FreeSsl> ssl, int socket)
      : context_(std::move(context)), ssl_(std::move(ssl)), socket_(socket) {}

  IoResult handshake() override {
    ERR_clear_error();
    const int status = SSL_do_handshake(ssl_.get());
    if (status == 1) return {.state = IoState::kDone};
    const IoResult result = after(status);
    if (result.state == IoState::kBroken && ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST) {
      // Somebody has forgotten the s of https.
      constexpr std::string_view kAnswer =
          "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: "
          "49\r\n\r\n"
          "This port speaks HTTPS: use https:// in the URL.\n";
      send(socket_, kAnswer.data(), kAnswer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      shutdown(socket_, SHUT_WR);
    }
    return result;
  }

  IoResult read(std::span<char> buffer) override {
    size_t n_bytes = 0;
    ERR_clear_error();
    const int status = SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), &n_bytes);
    if (status == 1) return {.state = IoState::kDone, .n_bytes = n_bytes};
    return after(status);
  }

  IoResult write(std::string_view bytes) override {
    size_t n_bytes = 0;
    ERR_clear_error();
    const int status = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &n_bytes);
    if (status == 1) return {.state = IoState::kDone, .n_bytes = n_bytes};
    return after(status);
  }

  void shut_down() override {
    ERR_clear_error();
    if (SSL_is_init_finished(ssl_.get()) == 1 && !failed_) SSL_shutdown(ssl_.get());
    shutdown(socket_, SHUT_WR);
  }

 private:
  IoResult after(int status) {
    switch (SSL_get_error(ssl_.get(), status)) {
      case SSL_ERROR_WANT_READ:
        return {.state = IoState::kNeedsRead};
      case SSL_ERROR_WANT_WRITE:
        return {.state = IoState::kNeedsWrite};
      case SSL_ERROR_ZERO_RETURN:
        return {.state = IoState::kEnd};
      default:
        // The end without the other side's word for it is one that anybody on the way may have made.
        failed_ = true;
        return {.state = IoState::kBroken};
    }
  }

  std::shared_ptr<TlsContext> context_;
  std::unique_ptr<SSL, FreeSsl> ssl_;
  int socket_;
  bool failed_ = false;  // after which SSL_shutdown must not be called
};

class OpenSslContext : public TlsContext, public std::enable_shared_from_this<OpenSslContext> {
 public:
  explicit OpenSslContext(std::unique_ptr<SSL_CTX, FreeContext> context) : context_(std::move(context)) {}

  std::unique_ptr<Transport> make_transport(int socket) override {
    std::unique_ptr<SSL, FreeSsl> ssl(SSL_new(context_.get()));
    BIO* bio = bio_method() == nullptr ? nullptr : BIO_new(bio_method());
    if (!ssl || bio == nullptr) {
      BIO_free(bio);
      return nullptr;
    }
    BIO_set_data(bio, reinterpret_cast<void*>(static_cast<intptr_t>(socket)));
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl.get(), bio, bio);  // which now owns it
    SSL_set_accept_state(ssl.get());
    return std::make_unique<TlsTransport>(shared_from_this(), std::move(ssl), socket);
  }

 private:
  std::unique_ptr<SSL_CTX, FreeContext> context_;
};

std::string last_reason() {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_peek_last_error(), text.data(), text.size());
  return text.data();
}

// HTTP/1.1 where the client offers it; a client that offers something else only is told nothing, and finds
// out.
int select_protocol(SSL* /*ssl*/, const unsigned char** out, unsigned char* out_length,
                    const unsigned char* offered, unsigned offered_length, void* /*argument*/) {
  static constexpr unsigned char kProtocol[] = "\x08http/1.1";
  unsigned char* selected = nullptr;
  if (SSL_select_next_proto(&selected, out_length, kProtocol, sizeof(kProtocol) - 1, offered,
                            offered_length) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *out = selected;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

Result<std::shared_ptr<TlsContext>> TlsContext::create(const std::string& certificate_path,
                                                       const std::string& key_path) {
  ERR_clear_error();
  std::unique_ptr<SSL_CTX, FreeContext> context(SSL_CTX_new(TLS_server_method()));
  if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION) != 1) {
    return make_error(ErrorCode::kUnsupported, "OpenSSL offers no TLS 1.3: {}", last_reason());
  }
  // Without tickets and a cache nothing is kept about connections that have ended. Buffers that hold nothing
  // are given back, which is what an idle connection's memory is.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context.get(), 0);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_alpn_select_cb(context.get(), select_protocol, nullptr);
  if (SSL_CTX_use_certificate_chain_file(context.get(), certificate_path.c_str()) != 1) {
    return make_error(ErrorCode::kMalformed, "certificate {}: expected PEM: {}",
                      quoted_excerpt(certificate_path), last_reason());
  }
  if (SSL_CTX_use_PrivateKey_file(context.get(), key_path.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context.get()) != 1) {
    return make_error(ErrorCode::kMalformed, "key {}: expected the certificate's, in PEM: {}",
                      quoted_excerpt(key_path), last_reason());
  }
  return std::shared_ptr<TlsContext>(std::make_shared<OpenSslContext>(std::move(context)));
}

}  // namespace hearth::server::http
