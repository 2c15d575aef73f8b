/*
 * A C program that keeps the same contract. The tests run it beside the TypeScript program, so that a wrong test shows;
 * the benchmarks measure against it. Built with gcc -Os -Wall -Werror -static -DVERSION="..." and stripped.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

static int block(int signal)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, signal);
	return sigprocmask(SIG_BLOCK, &set, NULL);
}

static void say(const char *line)
{
	if (write(STDERR_FILENO, line, strlen(line)) < 0)
		return;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcasecmp(argv[i], "-v") == 0) {
			puts("pause.ts " VERSION);
			return 0;
		}
	}
	if (getpid() != 1)
		say("Warning: pause should be the first process\n");
	if (block(SIGINT) < 0)
		return 1;
	if (block(SIGTERM) < 0)
		return 2;
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	if (sigaction(SIGCHLD, &ignore, NULL) < 0)
		return 3;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	sigset_t ending;
	sigemptyset(&ending);
	sigaddset(&ending, SIGINT);
	sigaddset(&ending, SIGTERM);
	int ended;
	if (sigwait(&ending, &ended) != 0) {
		say("Error: infinite loop terminated\n");
		return 42;
	}
	say(ended == SIGINT ? "Shutting down, got signal: Interrupt\n" : "Shutting down, got signal: Terminated\n");
	return 0;
}
