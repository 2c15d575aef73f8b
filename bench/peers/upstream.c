/*
 * A program with the structure of the upstream Kubernetes pause program: a handler for the two signals that end it, one
 * for SIGCHLD that reaps every zombie, and pause(2) in a loop. Its messages follow this project's contract. The
 * benchmark links it twice: with glibc, static, as upstream ships its own (-Os, stripped), and with musl.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *line)
{
	if (write(STDERR_FILENO, line, strlen(line)) < 0)
		return;
}

static void end(int signal)
{
	say(signal == SIGINT ? "Shutting down, got signal: Interrupt\n" : "Shutting down, got signal: Terminated\n");
	_exit(0);
}

static void reap(int signal)
{
	(void)signal;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

static int handle(int signal, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };
	return sigaction(signal, &action, NULL);
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
	if (handle(SIGINT, end, 0) < 0)
		return 1;
	if (handle(SIGTERM, end, 0) < 0)
		return 2;
	if (handle(SIGCHLD, reap, SA_NOCLDSTOP) < 0)
		return 3;
	for (;;)
		pause();
}
