# Cross-compiles for 64-bit ARM with Debian's compiler (g++-aarch64-linux-gnu), and runs what it makes in qemu (qemu-user).
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)  # GoogleTest's project names C, too
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)

# Libraries are the other processor's only; headers and what CMake reads may be this machine's.
set(CMAKE_FIND_ROOT_PATH /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)

# A processor with all that qemu knows, so that the best kernels are among those that the tests run. The C library's
# functions for scalable vectors are no concern of theirs, and slow to emulate.
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L /usr/aarch64-linux-gnu -cpu max,sve=off,pauth-impdef=on)
