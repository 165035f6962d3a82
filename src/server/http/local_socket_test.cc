#include "server/http/local_socket.h"

#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>

#include "server/http/live_server_fixture.h"
#include "server/http/tiny_routes_fixture.h"
#include "tests/support/temporary_folder.h"

namespace hearth::server::http {
namespace {

namespace fs = std::filesystem;

mode_t mode_of(const fs::path& path) {
  struct stat info {};
  EXPECT_EQ(::lstat(path.c_str(), &info), 0) << path;
  return info.st_mode & 0777U;
}

// -1 where nobody listens.
int connect_to(const fs::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.native().copy(address.sun_path, sizeof(address.sun_path) - 1);
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return socket;
  ::close(socket);
  return -1;
}

// All that comes until the other end closes; nothing where it cannot be reached.
std::string ask(const fs::path& path, const std::string& request) {
  const UniqueDescriptor socket(connect_to(path));
  if (!socket) return "unreachable";
  EXPECT_EQ(::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(request.size()));
  std::string answer;
  char buffer[4096];
  for (ssize_t n = 0; (n = ::recv(socket.get(), buffer, sizeof(buffer), 0)) > 0;)
    answer.append(buffer, static_cast<size_t>(n));
  return answer;
}

TEST(LocalSocketName, StandsForWhatThisMachineReachesTheServerAt) {
  for (const char* host : {"", "localhost", "127.0.0.1", "0.0.0.0", "::", "[::]"})
    EXPECT_EQ(local_socket_name(host, 11434), "127.0.0.1-11434.sock") << host;
  EXPECT_EQ(local_socket_name("127.0.0.5", 80), "127.0.0.5-80.sock");
  EXPECT_EQ(local_socket_name("[::1]", 80), "::1-80.sock");
  EXPECT_EQ(local_socket_name("::1", 80), "::1-80.sock");
  for (const char* host : {"192.168.1.2", "example.org", "2001:db8::1", "../127.0.0.1", "127.0.0.1/x"})
    EXPECT_EQ(local_socket_name(host, 11434), "") << host;
}

TEST(LocalSocketUser, IsTheServersOwnOrRoot) {
  EXPECT_TRUE(is_allowed_user(1000, 1000));
  EXPECT_TRUE(is_allowed_user(0, 1000));
  EXPECT_FALSE(is_allowed_user(1001, 1000));
  EXPECT_FALSE(is_allowed_user(1000, 0));
  EXPECT_FALSE(is_allowed_user(65534, 1000));
}

class LocalSocket : public ::testing::Test {
 protected:
  hearth::testing::TemporaryFolder folder_;
  const fs::path path_ = folder_.path() / "run" / "127.0.0.1-1.sock";
};

TEST_F(LocalSocket, FileAndFolder_AreTheUsersAlone) {
  ::umask(0);
  {
    const auto listener = LocalListener::open(path_);
    ASSERT_TRUE(listener) << listener.error().message();
    EXPECT_EQ(mode_of(path_), 0600U);
    EXPECT_EQ(mode_of(path_.parent_path()), 0700U);
    EXPECT_TRUE(is_own_living_socket(path_));
  }
  ::umask(022);
  EXPECT_FALSE(fs::exists(path_));
  EXPECT_FALSE(is_own_living_socket(path_));
}

TEST_F(LocalSocket, FolderThatOthersMayWrite_IsRefused) {
  fs::create_directory(path_.parent_path());
  for (const mode_t mode : {0777U, 0770U, 0702U}) {
    ::chmod(path_.parent_path().c_str(), mode);
    const auto listener = LocalListener::open(path_);
    ASSERT_FALSE(listener) << mode;
    EXPECT_NE(listener.error().message().find("no other user may write"), std::string::npos);
    EXPECT_FALSE(fs::exists(path_));
  }
  // One that others may look into is closed to them.
  ::chmod(path_.parent_path().c_str(), 0755);
  auto listener = LocalListener::open(path_);
  ASSERT_TRUE(listener) << listener.error().message();
  EXPECT_EQ(mode_of(path_.parent_path()), 0700U);
  // Nor does a client believe such a one.
  ::chmod(path_.parent_path().c_str(), 0720);
  EXPECT_FALSE(is_own_living_socket(path_));
}

TEST_F(LocalSocket, FolderThatIsALink_IsRefused) {
  fs::create_directory(folder_.path() / "elsewhere");
  fs::create_directory_symlink(folder_.path() / "elsewhere", path_.parent_path());
  EXPECT_FALSE(LocalListener::open(path_));
  EXPECT_TRUE(fs::is_empty(folder_.path() / "elsewhere"));
}

TEST_F(LocalSocket, SocketOfADeadServer_IsReplaced) {
  fs::create_directory(path_.parent_path());
  {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.native().copy(address.sun_path, sizeof(address.sun_path) - 1);
    const UniqueDescriptor dead(::socket(AF_UNIX, SOCK_STREAM, 0));
    ASSERT_EQ(::bind(dead.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    ASSERT_EQ(::listen(dead.get(), 1), 0);
  }
  ASSERT_TRUE(fs::exists(path_));
  EXPECT_FALSE(is_own_living_socket(path_));
  const auto listener = LocalListener::open(path_);
  ASSERT_TRUE(listener) << listener.error().message();
  EXPECT_TRUE(is_own_living_socket(path_));
}

TEST_F(LocalSocket, SocketOfALivingServer_IsLeft) {
  const auto living = LocalListener::open(path_);
  ASSERT_TRUE(living);
  const auto second = LocalListener::open(path_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::kUnavailable);
  EXPECT_TRUE(is_own_living_socket(path_));
}

TEST_F(LocalSocket, OtherFileInItsPlace_IsLeft) {
  fs::create_directory(path_.parent_path());
  std::ofstream(path_) << "somebody's";
  EXPECT_FALSE(LocalListener::open(path_));
  EXPECT_EQ(fs::file_size(path_), 10U);
}

TEST_F(LocalSocket, PathThatNoSocketCanHave_IsRefused) {
  const auto listener = LocalListener::open(folder_.path() / std::string(120, 'x'));
  ASSERT_FALSE(listener);
  EXPECT_EQ(listener.error().code(), ErrorCode::kUsage);
}

class LocalSocketServer : public LocalSocket {
 protected:
  void start() {
    ServerOptions options;
    options.socket_folder = folder_.path() / "run";
    options.on_answered = [this](const Answered& answered) { peers_.push_back(answered.request.peer); };
    options.report = [this](std::string_view message) { reports_.emplace_back(message); };
    server_.emplace(tiny_router(seen_), std::move(options), [this](const Credentials& credentials) {
      users_.push_back(credentials.user);
      return Authentication(Identity{});
    });
    socket_ = folder_.path() / "run" / local_socket_name("127.0.0.1", server_->port());
  }

  std::shared_ptr<Seen> seen_ = std::make_shared<Seen>();
  std::vector<std::optional<uid_t>> users_;
  std::vector<std::string> peers_;
  std::vector<std::string> reports_;
  std::optional<LiveServer> server_;
  fs::path socket_;
};

// What is wrong of a page is not asked of a program of this user: no browser can connect to a Unix socket.
TEST_F(LocalSocketServer, Request_IsKnownByItsUserAndNotByItsHost) {
  start();
  const std::string head =
      "Host: evil.example\r\nOrigin: http://evil.example\r\nSec-Fetch-Site: cross-site\r\nConnection: "
      "close\r\n\r\n";
  const std::string answer = ask(socket_, "GET /unknown HTTP/1.1\r\n" + head);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 404")) << answer;
  EXPECT_EQ(answer.find("Access-Control"), std::string::npos) << answer;
  const std::string reached = ask(socket_, "POST /echo HTTP/1.1\r\nContent-Length: 2\r\n" + head + "hi");
  EXPECT_TRUE(reached.starts_with("HTTP/1.1 200")) << reached;
  RawClient tcp(server_->port());
  EXPECT_EQ(tcp.ask("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi").status, 200);
  server_.reset();
  EXPECT_EQ(users_, (std::vector<std::optional<uid_t>>{::geteuid(), std::nullopt}));
  const std::string uid = fmt::format("uid {}", ::geteuid());
  EXPECT_EQ(peers_, (std::vector<std::string>{uid, uid, "127.0.0.1"}));
  EXPECT_FALSE(fs::exists(socket_)) << "it goes with the server";
}

// The credentials refuse, also where the modes would let somebody in.
TEST_F(LocalSocketServer, ProgramOfAnotherUser_IsNotAnswered) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can be somebody else";
  start();
  ASSERT_EQ(::chmod(socket_.c_str(), 0666), 0);
  for (fs::path folder = socket_.parent_path(); folder != folder.root_path(); folder = folder.parent_path()) {
    if (folder == fs::temp_directory_path()) break;
    ASSERT_EQ(::chmod(folder.c_str(), 0755), 0);
  }
  EXPECT_TRUE(ask(socket_, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").starts_with("HTTP/1.1"));
  const pid_t child = ::fork();
  if (child == 0) {
    constexpr uid_t kNobody = 65534;
    if (::setresuid(kNobody, kNobody, kNobody) != 0) ::_exit(3);
    const int socket = connect_to(socket_);
    if (socket < 0) ::_exit(4);
    const std::string_view request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    ::send(socket, request.data(), request.size(), MSG_NOSIGNAL);
    char byte = 0;
    ::_exit(::recv(socket, &byte, 1, 0) > 0 ? 5 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0) << "3: cannot become nobody, 4: cannot connect, 5: was answered";
}

TEST_F(LocalSocketServer, WithoutASocket_IsServedAllTheSame) {
  std::ofstream(folder_.path() / "run") << "no folder";
  start();
  RawClient tcp(server_->port());
  EXPECT_EQ(tcp.ask("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").status, 200);
  ASSERT_EQ(reports_.size(), 1U);
  EXPECT_NE(reports_[0].find("expected a folder"), std::string::npos) << reports_[0];
}

}  // namespace
}  // namespace hearth::server::http
