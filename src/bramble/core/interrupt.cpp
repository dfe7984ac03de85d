#include "bramble/core/interrupt.hpp"

#include <csignal>

#include "bramble/core/error.hpp"

namespace bramble {
namespace {

volatile std::sig_atomic_t g_interrupted = 0;  // NOLINT: signal handlers can touch nothing else

void on_signal(int signal) {
  g_interrupted = 1;
  std::signal(signal, SIG_DFL);
}

}  // namespace

void install_interrupt_handler() {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
}

bool interrupted() { return g_interrupted != 0; }

void throw_if_interrupted() {
  if (interrupted()) throw Interrupted("interrupted; what is done so far is kept, the same command takes it up again");
}

}  // namespace bramble
