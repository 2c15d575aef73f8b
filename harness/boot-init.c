/*
 * The first process of an emulated machine with only /init (this) and /pause. It mounts what it needs for its checks, and
 * runs /pause both as PID 1 of a namespace and not as PID 1. Then it starts a watcher and becomes /pause itself, PID 1 of
 * the machine. The watcher leaves orphans to it, counts the processes, and ends it. Findings go to the serial console,
 * a line each, as "boot: WHAT VALUE"; the kernel prints the exit status of its first process.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define ORPHANS 100

static void read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t length = fd < 0 ? 0 : read(fd, text, size - 1);
	text[length > 0 ? length : 0] = 0;
	close(fd);
}

/* rt_sigtimedwait is system call 128. */
static void await_park(pid_t pid)
{
	char path[64], text[256];
	snprintf(path, sizeof path, "/proc/%d/syscall", pid);
	do {
		usleep(10000);
		read_file(path, text, sizeof text);
	} while (strncmp(text, "128 ", 4) != 0);
}

static int children_of_init(void)
{
	char text[1 << 14];
	int count = 0;
	read_file("/proc/1/task/1/children", text, sizeof text);
	for (char *at = text; *at; at++)
		count += *at == ' ';
	return count;
}

static void set(const char *path, int value)
{
	char text[32];
	int fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, text, snprintf(text, sizeof text, "%d", value)) < 0)
		err(1, "%s", path);
	close(fd);
}

static char *arguments[3];
/* The kernel's lowest address only binds unprivileged processes. */
static int unprivileged;

static int become_pause(void *unused)
{
	(void)unused;
	if (unprivileged && (setgid(65535) || setuid(65535)))
		_exit(98);
	execv("/pause", arguments);
	_exit(99);
}

/* Runs /pause; if it parks, ends it with `signal`. */
static void run(const char *what, int namespaces, char *argument, int signal)
{
	static char stack[65536] __attribute__((aligned(16)));
	int status;
	arguments[0] = "/pause";
	arguments[1] = argument;
	pid_t pid = clone(become_pause, stack + sizeof stack, namespaces | SIGCHLD, NULL);
	if (signal) {
		await_park(pid);
		kill(pid, signal);
	}
	waitpid(pid, &status, 0);
	printf("boot: %s %d\n", what, status);
}

/* The lowest vm.max_map_count with which /pause prints its version. */
static int least_maps(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	const char *limit = "/proc/sys/vm/max_map_count";
	int status = -1, maps = 0;
	arguments[1] = "-v";
	while (status && ++maps < 100) {
		set(limit, maps);
		/* Returns when the child has executed the program, or ended. */
		pid_t pid = clone(become_pause, stack + sizeof stack, CLONE_VFORK | SIGCHLD, NULL);
		set(limit, 65530);
		if (pid > 0)
			waitpid(pid, &status, 0);
	}
	return maps;
}

/* They end when no process holds the other end of the pipe any more. */
static void leave_orphans(int release[2])
{
	char byte;
	for (int i = 0; i < ORPHANS; i++) {
		if (fork() == 0) {
			close(release[1]);
			_exit(read(release[0], &byte, 1) < 0);
		}
	}
	_exit(0);
}

static void watch(void)
{
	char text[512];
	int release[2];
	await_park(1);
	int before = children_of_init();
	if (pipe(release) < 0)
		err(1, "pipe");
	if (fork() == 0)
		leave_orphans(release);
	wait(NULL);
	printf("boot: orphans %d\n", children_of_init() - before);
	close(release[1]);
	for (int tries = 0; tries < 200 && children_of_init() != before; tries++)
		usleep(100000);
	printf("boot: left %d\n", children_of_init() - before);
	read_file("/proc/1/comm", text, sizeof text);
	printf("boot: first %s", text);
	/* The panic at PID 1's end discards what the serial port has not sent yet. */
	tcdrain(STDOUT_FILENO);
	kill(1, SIGTERM);
	pause();
}

int main(void)
{
	struct utsname kernel;
	mkdir("/proc", 0755);
	mkdir("/dev", 0755);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	mount("proc", "/proc", "proc", 0, NULL);
	int console = open("/dev/ttyS0", O_RDWR);
	for (int fd = 0; fd < 3; fd++)
		dup2(console, fd);
	setvbuf(stdout, NULL, _IONBF, 0);
	uname(&kernel);
	/* The firmware leaves the cursor within a line. */
	printf("\nboot: kernel %s\n", kernel.release);
	run("namespace", CLONE_NEWPID, NULL, SIGTERM);
	run("argument", CLONE_NEWPID, "--unknown", SIGINT);
	run("version", CLONE_NEWPID, "-V", 0);
	run("second", 0, NULL, SIGTERM);
	set("/proc/sys/vm/mmap_min_addr", 4 << 20);
	unprivileged = 1;
	run("low", 0, NULL, SIGTERM);
	printf("boot: maps %d\n", least_maps());
	if (fork() == 0)
		watch();
	execl("/pause", "/pause", NULL);
	err(1, "/pause");
}
