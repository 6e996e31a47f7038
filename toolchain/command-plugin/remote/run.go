package remote

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	p "github.com/pulumi/pulumi-go-provider"
	"golang.org/x/crypto/ssh"
)

const (
	previousStdout = "PULUMI_COMMAND_STDOUT"
	previousStderr = "PULUMI_COMMAND_STDERR"

	// maxLoggedLine bounds what is held back while waiting for the end of a line, in bytes.
	maxLoggedLine = 64 * 1024
)

// run runs one command and keeps what it printed. Once begun, the command runs to its end, also when the
// engine is told to cancel: what it did is then in the state.
func (c *CommandOutputs) run(ctx context.Context, command string) error {
	client, err := c.Connection.dial(ctx)
	if err != nil {
		return err
	}
	defer client.Close() //nolint:errcheck // nothing is left to be sent

	session, err := client.NewSession()
	if err != nil {
		return err
	}
	if err := c.setEnvironment(ctx, session.Setenv); err != nil {
		return err
	}
	// The two streams are copied by a goroutine each, so what they share is locked.
	var stdout, stderr, both bytes.Buffer
	var mutex sync.Mutex
	log := &lineLogger{log: func(line string) { p.GetLogger(ctx).InfoStatus(line) }}
	session.Stdout = &lockedWriter{&mutex, c.writers(LogStdout, &stdout, &both, log)}
	session.Stderr = &lockedWriter{&mutex, c.writers(LogStderr, &stderr, &both, log)}

	err = start(session, command, c.Stdin)
	if err == nil {
		err = session.Wait()
	}
	log.flush()
	if err != nil {
		return fmt.Errorf("%w: running %q:\n%s", err, command, both.String())
	}
	c.Stdout = strings.TrimSuffix(stdout.String(), "\n")
	c.Stderr = strings.TrimSuffix(stderr.String(), "\n")
	return nil
}

// start starts the command. Its input is not the session's own to copy: that would call it an error when a command
// ends without having read all of it.
func start(session *ssh.Session, command string, stdin *string) error {
	if stdin == nil || *stdin == "" {
		return session.Start(command)
	}
	pipe, err := session.StdinPipe()
	if err != nil {
		return err
	}
	if err := session.Start(command); err != nil {
		return err
	}
	go func() {
		_, _ = io.WriteString(pipe, *stdin)
		_ = pipe.Close()
	}()
	return nil
}

func (c *CommandOutputs) writers(stream Logging, own, both, log io.Writer) io.Writer {
	if c.Logging.shows(stream) {
		return io.MultiWriter(own, both, log)
	}
	return io.MultiWriter(own, both)
}

// setEnvironment fails on a variable that the program asked for and the server refuses; the previous output is
// only offered.
func (c *CommandOutputs) setEnvironment(ctx context.Context, setenv func(name, value string) error) error {
	const refused = "Unable to set '%s': the SSH server does not accept it (AcceptEnv). " +
		"Where a shell runs the command, write '%[1]s=value command' instead"
	for name, value := range c.Environment {
		if err := setenv(name, value); err != nil {
			p.GetLogger(ctx).Errorf(refused, name)
			return fmt.Errorf("could not set environment variable %q: %w", name, err)
		}
	}
	if c.AddPreviousOutputInEnv != nil && !*c.AddPreviousOutputInEnv {
		return nil
	}
	for _, previous := range []struct{ name, value string }{{previousStdout, c.Stdout}, {previousStderr, c.Stderr}} {
		if previous.value == "" {
			continue
		}
		if err := setenv(previous.name, previous.value); err != nil {
			p.GetLogger(ctx).Warningf(refused, previous.name)
		}
	}
	return nil
}

type lockedWriter struct {
	mutex  *sync.Mutex
	writer io.Writer
}

func (w *lockedWriter) Write(data []byte) (int, error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.writer.Write(data)
}

// lineLogger passes whole lines on; a longer line than maxLoggedLine is passed on in pieces.
type lineLogger struct {
	log     func(line string)
	pending []byte
}

func (l *lineLogger) Write(data []byte) (int, error) {
	l.pending = append(l.pending, data...)
	for {
		end := bytes.IndexByte(l.pending, '\n')
		if end < 0 {
			break
		}
		l.log(strings.TrimSuffix(string(l.pending[:end]), "\r"))
		l.pending = l.pending[end+1:]
	}
	if len(l.pending) >= maxLoggedLine {
		l.flush()
	}
	return len(data), nil
}

func (l *lineLogger) flush() {
	if len(l.pending) > 0 {
		l.log(string(l.pending))
		l.pending = nil
	}
}
