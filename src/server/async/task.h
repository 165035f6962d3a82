// The coroutines of the front. All of them run on one thread, that of the io_context: what they share needs
// no lock.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <utility>  // which Boost 1.74's awaitable.hpp forgets

namespace hearth::server {

template <typename T>
using Task = boost::asio::awaitable<T>;
using Executor = boost::asio::any_io_executor;

}  // namespace hearth::server
