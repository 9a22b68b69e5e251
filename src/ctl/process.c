/* process - programs that etcdctl runs, signals, and passwords from the terminal. */
#include "base/mem.h"
#include "ctl/gotext.h"
#include "ctl/inner.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define PASSWORD_MAX 1024
#define TOO_LONG     (-2)

static int signal_fd(const int *numbers, size_t n)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < n; i++)
        sigaddset(&set, numbers[i]);
    sigprocmask(SIG_BLOCK, &set, NULL); /* NOLINT(concurrency-mt-unsafe): there is one thread */
    return signalfd(-1, &set, SFD_CLOEXEC);
}

int ctl_signal_fd(void)
{
    static const int numbers[] = {SIGINT, SIGTERM};
    return signal_fd(numbers, ARRAY_LEN(numbers));
}

/* Our variables first: where a name comes twice, the first one counts. */
static char **environment(char *const *more)
{
    size_t n = 0;
    size_t added = 0;
    while (environ[n])
        n++;
    while (more[added])
        added++;
    char **all = mem_calloc(n + added + 1, sizeof(*all));
    memcpy(all, more, added * sizeof(*all));
    memcpy(all + added, environ, n * sizeof(*all));
    return all;
}

/* The program gets the signals that we block for ourselves. */
static int start(char *const *argv, char **env, pid_t *pid)
{
    posix_spawnattr_t attr;
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
    int failed = posix_spawnp(pid, argv[0], NULL, &attr, argv, env);
    posix_spawnattr_destroy(&attr);
    return failed;
}

/* How it ended, as Go's os/exec says it. */
static enum rc ended_with(int wait_status, int *status, struct err *err)
{
    if (WIFEXITED(wait_status)) {
        *status = WEXITSTATUS(wait_status);
        return *status == 0 ? RC_OK : err_set(err, RC_CLOSED, "exit status %d", *status);
    }
    const char *name = sigdescr_np(WTERMSIG(wait_status));
    *status = EXIT_KILLED;
    if (!name)
        return err_set(err, RC_CLOSED, "signal: %d", WTERMSIG(wait_status));
    return err_set(err, RC_CLOSED, "signal: %c%s", tolower((unsigned char)*name), name + 1);
}

static enum rc not_started(const char *program, int failed, struct err *err)
{
    if (failed == ENOENT && !strchr(program, '/'))
        return err_set(err, RC_NOT_FOUND, "exec: \"%s\": executable file not found in $PATH",
                       program);
    struct buf why = {0};
    go_errno(failed, &why);
    enum rc rc = err_set(err, rc_of_errno(failed), "fork/exec %s: %.*s", program, (int)why.n,
                         (const char *)why.p);
    buf_fini(&why);
    return rc;
}

enum rc ctl_exec(struct ctl *ctl, char *const *argv, char *const *more, int *status,
                 struct err *err)
{
    static const int child[] = {SIGCHLD};
    pid_t pid = 0;
    int ended = 0;
    fflush(stdout);
    int fd = signal_fd(child, ARRAY_LEN(child));
    char **env = environment(more);
    int failed = start(argv, env, &pid);
    free(env);
    while (!failed && waitpid(pid, &ended, WNOHANG) == 0) {
        struct signalfd_siginfo info;
        if (client_loop_wait(&ctl->loop, CLIENT_FOREVER, fd) && read(fd, &info, sizeof(info)) < 0)
            break;
        if (ctl->tick)
            ctl->tick(ctl->tick_arg);
    }
    close(fd);
    *status = EXIT_ERROR;
    return failed ? not_started(argv[0], failed, err) : ended_with(ended, status, err);
}

/* Read a line that is not shown; -1: none came. A signal has its way only when the terminal shows
 * again what is typed. */
static ssize_t read_hidden(int fd, const struct termios *shown, char *text, size_t n)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
    struct termios hidden = *shown;
    sigset_t before;
    sigprocmask(SIG_BLOCK, NULL, &before); /* NOLINT(concurrency-mt-unsafe): there is one thread */
    int signals = signal_fd(numbers, ARRAY_LEN(numbers));
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(fd, TCSAFLUSH, &hidden);
    struct pollfd ready[] = {{.fd = fd, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
    ssize_t got =
        poll(ready, ARRAY_LEN(ready), -1) > 0 && !ready[1].revents ? read(fd, text, n) : -1;
    tcsetattr(fd, TCSAFLUSH, shown);
    dprintf(fd, "\n");
    close(signals);
    sigprocmask(SIG_SETMASK, &before, NULL); /* NOLINT(concurrency-mt-unsafe) */
    return got;
}

/* A line out of a pipe or a file, as a script gives it; byte for byte, since what follows may be
 * for somebody else. -1: none came. TOO_LONG: longer than max, and not read to its end. */
static ssize_t read_piped(char *text, size_t max)
{
    size_t n = 0;
    ssize_t got = 0;
    while (n < max && (got = read(STDIN_FILENO, &text[n], 1)) == 1 && text[n] != '\n')
        n++;
    if (n == max)
        return TOO_LONG;
    return n > 0 || got == 1 ? (ssize_t)n : -1;
}

static int take_password(struct ctl *ctl, char *text, ssize_t n, const char *from,
                         struct slice *out)
{
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        n--;
    *out = arena_copy(&ctl->arena, slice_of(text, (size_t)(n > 0 ? n : 0)));
    explicit_bzero(text, PASSWORD_MAX);
    if (n == TOO_LONG)
        return ctl_fail(EXIT_ERROR, "a password has at most %d bytes", PASSWORD_MAX - 1);
    return n < 0 ? ctl_fail(EXIT_ERROR, "a password is needed, and cannot be read from %s", from)
                 : EXIT_OK;
}

int ctl_ask_password(struct ctl *ctl, const char *prompt, struct slice *out)
{
    struct termios shown;
    char text[PASSWORD_MAX];
    if (!isatty(STDIN_FILENO)) {
        printf("%s\n", prompt);
        return take_password(ctl, text, read_piped(text, sizeof(text)), "standard input", out);
    }
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
    if (fd < 0 || tcgetattr(fd, &shown) < 0) {
        if (fd >= 0)
            close(fd);
        return ctl_fail(EXIT_ERROR, "a password is needed, and there is no terminal to ask on");
    }
    dprintf(fd, "%s", prompt);
    ssize_t n = read_hidden(fd, &shown, text, sizeof(text));
    close(fd);
    return take_password(ctl, text, n, "the terminal", out);
}
