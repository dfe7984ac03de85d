#pragma once

namespace bramble {

/// From now on the first Ctrl-C (SIGINT) or SIGTERM only sets a flag; a second one ends the process at once.
void install_interrupt_handler();
bool interrupted();
/// Throws Interrupted when the flag is set. Long loops call it between two whole units of work.
void throw_if_interrupted();

}  // namespace bramble
