// Runs a command with an attribute that execve(2) keeps: prctl OPTION ARGUMENT2 ARGUMENT3 COMMAND...
// 77: this kernel has no such option.
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc < 5) return 2;
  if (prctl(atoi(argv[1]), strtoul(argv[2], 0, 0), strtoul(argv[3], 0, 0), 0, 0) != 0) return 77;
  execvp(argv[4], argv + 4);
  return 127;
}
