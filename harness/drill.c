/*
 * Does what must happen often or at an exact moment. Each drill prints one line for each failure and exits with their
 * number (at most 100).
 *
 *   drill orphans PID COUNT               in PID's namespace, leave COUNT processes to it and let all end at one moment
 *   drill stops PID ROUNDS                stop and continue PID
 *   drill traces PID ROUNDS               trace PID, stop it and let go of it
 *   drill starts COUNT FIXED PROGRAM      start PROGRAM as PID 1, wait until it parks, SIGTERM; FIXED 1: no randomisation
 *   drill moments COUNT SIGNAL PROGRAM    start it as PID 1, send SIGNAL at a random moment of the 20 ms from its first
 *                                         system call on, which must have blocked SIGINT and SIGTERM
 *   drill times COUNT PROGRAM OTHER       start and end both in turn as PID 1, COUNT times: for each the medians of exec to
 *                                         parked and SIGTERM to exit, ns (printed, and no failure)
 *   drill lines COUNT SEED VERSION PROGRAM   COUNT random command lines, as PID 1 and not in turn
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARGUMENTS 400

static int failures;
static char stack[1 << 16] __attribute__((aligned(16)));

static void check(long result, const char *what)
{
	if (result < 0)
		err(125, "%s", what);
}

static void fail(int round, const char *what, int status)
{
	printf("round %d: %s (wait status 0x%x)\n", round, what, status);
	if (++failures == 100)
		exit(100);
}

static long long now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void read_proc(pid_t pid, const char *name, char *text, size_t size)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
	int fd = open(path, O_RDONLY);
	ssize_t length = fd < 0 ? 0 : read(fd, text, size - 1);
	text[length > 0 ? length : 0] = 0;
	if (fd >= 0)
		close(fd);
}

/* proc(5), /proc/PID/stat: the letter after the name in parentheses. */
static char state(pid_t pid)
{
	char text[512];
	read_proc(pid, "stat", text, sizeof text);
	char *end = strrchr(text, ')');
	return end ? end[2] : 0;
}

static int await_state(pid_t pid, char wanted)
{
	for (long long end = now() + 10000000000LL; now() < end;)
		if (state(pid) == wanted)
			return 1;
	return 0;
}

/* Every program here parks in rt_sigtimedwait. */
static int await_park(pid_t pid)
{
	char text[256], parked[16];
	int length = snprintf(parked, sizeof parked, "%d ", SYS_rt_sigtimedwait);
	for (long long end = now() + 10000000000LL; now() < end;) {
		read_proc(pid, "syscall", text, sizeof text);
		if (strncmp(text, parked, length) == 0)
			return 1;
	}
	return 0;
}

static void orphans(pid_t target, int count)
{
	char path[64];
	int release[2];
	char byte;
	snprintf(path, sizeof path, "/proc/%d/ns/pid", target);
	int fd = open(path, O_RDONLY);
	check(fd, path);
	check(setns(fd, CLONE_NEWPID), "setns");
	check(pipe(release), "pipe");
	pid_t parent = fork();
	check(parent, "fork");
	if (parent == 0) {
		for (int i = 0; i < count; i++) {
			pid_t child = fork();
			check(child, "fork");
			if (child == 0) {
				close(release[1]);
				_exit(read(release[0], &byte, 1) < 0);
			}
		}
		_exit(0);
	}
	/* Its end leaves its children to PID 1, and closing the pipe ends them all. */
	check(waitpid(parent, NULL, 0), "waitpid");
	close(release[1]);
}

static void stops(pid_t pid, int rounds)
{
	for (int round = 0; round < rounds; round++) {
		check(kill(pid, SIGSTOP), "SIGSTOP");
		if (!await_state(pid, 'T'))
			fail(round, "does not stop", 0);
		check(kill(pid, SIGCONT), "SIGCONT");
		if (!await_state(pid, 'S'))
			fail(round, "does not go on waiting", 0);
	}
}

static void traces(pid_t pid, int rounds)
{
	for (int round = 0; round < rounds; round++) {
		int status;
		check(ptrace(PTRACE_SEIZE, pid, 0, 0), "PTRACE_SEIZE");
		check(ptrace(PTRACE_INTERRUPT, pid, 0, 0), "PTRACE_INTERRUPT");
		check(waitpid(pid, &status, __WALL), "waitpid");
		check(ptrace(PTRACE_DETACH, pid, 0, 0), "PTRACE_DETACH");
		if (!await_state(pid, 'S'))
			fail(round, "does not go on waiting", status);
	}
}

static char **program;
static int fixed_addresses, traced, output[2];

static int start_program(void *unused)
{
	(void)unused;
	int null = open("/dev/null", O_RDWR);
	dup2(null, 0);
	dup2(output[1] ? output[1] : null, 1);
	dup2(output[1] ? output[1] : null, 2);
	if (fixed_addresses)
		personality(ADDR_NO_RANDOMIZE);
	if (traced)
		ptrace(PTRACE_TRACEME, 0, 0, 0);
	execv(program[0], program);
	_exit(99);
}

static pid_t start(int first_process)
{
	pid_t pid = clone(start_program, stack + sizeof stack, CLONE_VFORK * !traced | SIGCHLD | (first_process ? CLONE_NEWPID : 0), NULL);
	check(pid, "clone");
	return pid;
}

static void end(int round, pid_t pid, int signal)
{
	int status;
	kill(pid, signal);
	for (long long limit = now() + 10000000000LL; now() < limit;) {
		pid_t ended = waitpid(pid, &status, WNOHANG);
		if (ended == pid) {
			if (status != 0)
				fail(round, "did not end with 0", status);
			return;
		}
		usleep(50);
	}
	fail(round, "did not end on a signal", 0);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

static void starts(int count)
{
	for (int round = 0; round < count; round++) {
		pid_t pid = start(1);
		if (!await_park(pid))
			fail(round, "does not park", 0);
		end(round, pid, SIGTERM);
	}
}

/* SigBlk of /proc/PID/status: SIGINT and SIGTERM are 0x4002. */
static int both_blocked(pid_t pid)
{
	char text[4096];
	read_proc(pid, "status", text, sizeof text);
	char *line = strstr(text, "\nSigBlk:\t");
	return line && (strtoull(line + 9, NULL, 16) & 0x4002) == 0x4002;
}

static void moments(int count, int signal)
{
	traced = 1;
	for (int round = 0; round < count; round++) {
		int status;
		pid_t pid = start(1);
		/* The exec, then entry and exit of the first system call. */
		check(waitpid(pid, &status, 0), "waitpid");
		for (int stop = 0; stop < 2; stop++) {
			check(ptrace(PTRACE_SYSCALL, pid, 0, 0), "PTRACE_SYSCALL");
			check(waitpid(pid, &status, 0), "waitpid");
		}
		if (!both_blocked(pid))
			fail(round, "the first system call does not block SIGINT and SIGTERM", status);
		check(ptrace(PTRACE_DETACH, pid, 0, 0), "PTRACE_DETACH");
		for (long long moment = now() + random() % 20000000; now() < moment;)
			;
		end(round, pid, signal);
	}
}

static int ascending(const void *a, const void *b)
{
	long long x = *(const long long *)a, y = *(const long long *)b;
	return (x > y) - (x < y);
}

static void times(int count, char **programs)
{
	static long long samples[2][2][10000];
	for (int round = 0; round < count; round++) {
		for (int which = 0; which < 2; which++) {
			char *line[] = { programs[which], NULL };
			program = line;
			long long started = now();
			pid_t pid = start(1);
			if (!await_park(pid))
				fail(round, "does not park", 0);
			samples[which][0][round] = now() - started;
			/* By then its start is complete. */
			usleep(1000);
			long long told = now();
			kill(pid, SIGTERM);
			waitpid(pid, NULL, 0);
			samples[which][1][round] = now() - told;
		}
	}
	for (int which = 0; which < 2; which++) {
		for (int what = 0; what < 2; what++)
			qsort(samples[which][what], count, sizeof(long long), ascending);
		printf("%lld %lld\n", samples[which][0][count / 2], samples[which][1][count / 2]);
	}
}

static char storage[1 << 20];

/* Mostly short strings of any bytes; now and then empty, long, or nearly -v. */
static char *random_argument(char **free_at)
{
	static const char *const near[] = { "-v ", "--v", "v", "-vv", "-", "--", "-\xc3\xa9", "-v\n", " -v", "-w", "-U" };
	char *argument = *free_at;
	int kind = random() % 20;
	size_t length = kind == 0 ? 0 : kind == 1 ? random() % 100000 : random() % 30;
	if (kind == 2)
		return random() % 2 ? "-v" : "-V";
	if (kind < 6)
		return (char *)near[random() % (sizeof near / sizeof *near)];
	if (argument + length + 1 > storage + sizeof storage)
		length = 0;
	for (size_t i = 0; i < length; i++)
		argument[i] = 1 + random() % 255;
	argument[length] = 0;
	*free_at += length + 1;
	return argument;
}

static void random_line(char *path)
{
	static char *line[ARGUMENTS + 2];
	char *free_at = storage;
	int few = random() % 4, count = few ? random() % 6 : random() % ARGUMENTS;
	line[0] = path;
	for (int i = 1; i <= count; i++)
		line[i] = random_argument(&free_at);
	line[count + 1] = NULL;
	program = line;
}

static int asks_version(void)
{
	for (int i = 1; program[i]; i++)
		if (strcmp(program[i], "-v") == 0 || strcmp(program[i], "-V") == 0)
			return 1;
	return 0;
}

static void lines(int count, const char *version, char *path)
{
	for (int round = 0; round < count; round++) {
		char expected[512], said[512];
		int first_process = round % 2;
		random_line(path);
		int version_asked = asks_version();
		check(pipe2(output, O_CLOEXEC), "pipe");
		pid_t pid = start(first_process);
		close(output[1]);
		if (!version_asked && !await_park(pid))
			fail(round, "does not park", 0);
		end(round, pid, version_asked ? 0 : SIGTERM);
		ssize_t length = read(output[0], said, sizeof said - 1);
		said[length > 0 ? length : 0] = 0;
		close(output[0]);
		if (version_asked)
			snprintf(expected, sizeof expected, "pause.ts %s\n", version);
		else
			snprintf(expected, sizeof expected, "%sShutting down, got signal: Terminated\n",
				 first_process ? "" : "Warning: pause should be the first process\n");
		if (strcmp(said, expected) != 0)
			fail(round, "wrote something else than it must", 0);
	}
}

int main(int argc, char **argv)
{
	const char *drill = argc > 3 ? argv[1] : "";
	int first = argc > 3 ? atoi(argv[2]) : 0, second = argc > 3 ? atoi(argv[3]) : 0;
	srandom(second);
	if (strcmp(drill, "orphans") == 0)
		orphans(first, second);
	else if (strcmp(drill, "stops") == 0)
		stops(first, second);
	else if (strcmp(drill, "traces") == 0)
		traces(first, second);
	else if (strcmp(drill, "starts") == 0 && argc == 5)
		fixed_addresses = second, program = argv + 4, starts(first);
	else if (strcmp(drill, "moments") == 0 && argc == 5)
		program = argv + 4, moments(first, second);
	else if (strcmp(drill, "times") == 0 && argc == 5 && first <= 10000)
		times(first, argv + 3);
	else if (strcmp(drill, "lines") == 0 && argc == 6)
		lines(first, argv[4], argv[5]);
	else
		errx(125, "no such drill");
	return failures;
}
