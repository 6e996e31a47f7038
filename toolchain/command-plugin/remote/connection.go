package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/retry"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// Connection says how to reach a host, through a bastion where Proxy is set.
type Connection struct {
	login
	Proxy *ProxyConnection `pulumi:"proxy,optional"`
}

// ProxyConnection says how to reach the bastion. It takes nothing over from the Connection it stands in.
type ProxyConnection struct{ login }

type login struct {
	User               *string  `pulumi:"user,optional"`
	Password           *string  `pulumi:"password,optional"           provider:"secret"`
	Host               *string  `pulumi:"host"`
	Port               *float64 `pulumi:"port,optional"`
	PrivateKey         *string  `pulumi:"privateKey,optional"         provider:"secret"`
	PrivateKeyPassword *string  `pulumi:"privateKeyPassword,optional" provider:"secret"`
	AgentSocketPath    *string  `pulumi:"agentSocketPath,optional"`
	DialErrorLimit     *int     `pulumi:"dialErrorLimit,optional"`
	PerDialTimeout     *int     `pulumi:"perDialTimeout,optional"`
	HostKey            *string  `pulumi:"hostKey,optional"`
}

// Annotate describes a connection in the schema, with the defaults that checking the inputs fills in.
func (c *Connection) Annotate(a infer.Annotator) {
	a.Describe(&c, "The host and how to log in there.")
	a.Describe(&c.Proxy, "The bastion to go through.")
	c.annotate(a)
}

// Annotate does the same for a bastion.
func (c *ProxyConnection) Annotate(a infer.Annotator) {
	a.Describe(&c, "The bastion and how to log in there.")
	c.annotate(a)
}

func (l *login) annotate(a infer.Annotator) {
	a.Describe(&l.User, "The user to log in as.")
	a.SetDefault(&l.User, "root")
	a.Describe(&l.Password, "The user's password.")
	a.Describe(&l.Host, "The host's name or address.")
	a.Describe(&l.Port, "The SSH server's port.")
	a.SetDefault(&l.Port, 22)
	a.Describe(&l.PrivateKey, "A private key, tried before the password.")
	a.Describe(&l.PrivateKeyPassword, "The private key's passphrase.")
	a.Describe(&l.AgentSocketPath, "The SSH agent's socket; SSH_AUTH_SOCK by default.")
	a.Describe(&l.DialErrorLimit, "How many failed dials are followed by another one; -1: without end.")
	a.SetDefault(&l.DialErrorLimit, 10)
	a.Describe(&l.PerDialTimeout, "Seconds that a dial may take; 0: any time.")
	a.SetDefault(&l.PerDialTimeout, 15)
	a.Describe(&l.HostKey, "The host's public key, one authorized_keys line; without it any host is believed.")
}

// dial connects and logs in, trying again as often as the connection's limits allow. Closing what it
// returns closes the way through the bastion too.
func (c *Connection) dial(ctx context.Context) (*ssh.Client, error) {
	config, err := c.clientConfig()
	if err != nil {
		return nil, err
	}
	if c.Proxy == nil {
		return dialRepeatedly(ctx, "Dial", *c.DialErrorLimit, func() (*ssh.Client, error) {
			return c.dialOnce(ctx, config, (&net.Dialer{}).DialContext)
		})
	}
	client, err := c.dialThroughProxy(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	return client, nil
}

func (c *Connection) dialThroughProxy(ctx context.Context, config *ssh.ClientConfig) (*ssh.Client, error) {
	proxyConfig, err := c.Proxy.clientConfig()
	if err != nil {
		return nil, err
	}
	proxy, err := dialRepeatedly(ctx, "Dial proxy", *c.Proxy.DialErrorLimit, func() (*ssh.Client, error) {
		return c.Proxy.dialOnce(ctx, proxyConfig, (&net.Dialer{}).DialContext)
	})
	if err != nil {
		return nil, err
	}
	client, err := dialRepeatedly(ctx, "Dial from proxy", *c.DialErrorLimit, func() (*ssh.Client, error) {
		return c.dialOnce(ctx, config, proxy.DialContext)
	})
	if err != nil {
		return nil, errors.Join(err, proxy.Close())
	}
	go func() {
		_ = client.Wait()
		_ = proxy.Close()
	}()
	return client, nil
}

// dialOnce bounds the whole of one try, the SSH handshake included: a host that takes the TCP connection and
// then says nothing must not hold up the run.
func (l *login) dialOnce(
	ctx context.Context, config *ssh.ClientConfig,
	dial func(ctx context.Context, network, address string) (net.Conn, error),
) (*ssh.Client, error) {
	if *l.PerDialTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(*l.PerDialTimeout)*time.Second)
		defer cancel()
	}
	address := net.JoinHostPort(*l.Host, strconv.Itoa(int(*l.Port)))
	conn, err := dial(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	sshConn, channels, requests, err := ssh.NewClientConn(conn, address, config)
	if !stop() {
		err = fmt.Errorf("ssh handshake with %s: %w", address, context.Cause(ctx))
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return ssh.NewClient(sshConn, channels, requests), nil
}

// dialRepeatedly counts as the official plugin does: limit+1 dials in all, of which limit are reported.
func dialRepeatedly(
	ctx context.Context, what string, limit int, dial func() (*ssh.Client, error),
) (*ssh.Client, error) {
	ok, client, err := retry.Until(ctx, retry.Acceptor{
		Accept: func(failed int, _ time.Duration) (bool, any, error) {
			client, err := dial()
			if err == nil {
				return true, client, nil
			}
			if limit >= 0 && failed >= limit {
				return true, nil, fmt.Errorf("after %d failed attempts: %w", failed, err)
			}
			of := "inf"
			if limit >= 0 {
				of = strconv.Itoa(limit)
			}
			p.GetLogger(ctx).InfoStatusf("%s %d/%s failed: retrying", what, failed+1, of)
			return false, nil, nil
		},
	})
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, ctx.Err()
	}
	return client.(*ssh.Client), nil
}

func (l *login) clientConfig() (*ssh.ClientConfig, error) {
	config := &ssh.ClientConfig{User: *l.User}
	if l.HostKey == nil {
		config.HostKeyCallback = ssh.InsecureIgnoreHostKey() //nolint:gosec // the official plugin's default
	} else {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(*l.HostKey))
		if err != nil {
			return nil, fmt.Errorf("failed to parse host key: %w", err)
		}
		config.HostKeyCallback = ssh.FixedHostKey(key)
		config.HostKeyAlgorithms = []string{key.Type()}
	}
	if l.PrivateKey != nil {
		signer, err := l.signer()
		if err != nil {
			return nil, err
		}
		config.Auth = append(config.Auth, ssh.PublicKeys(signer))
	}
	if l.Password != nil {
		config.Auth = append(config.Auth, ssh.Password(*l.Password), ssh.KeyboardInteractive(l.answer))
	}
	socket := os.Getenv("SSH_AUTH_SOCK")
	if l.AgentSocketPath != nil {
		socket = *l.AgentSocketPath
	}
	if socket != "" {
		conn, err := net.Dial("unix", socket)
		if err != nil {
			return nil, err
		}
		config.Auth = append(config.Auth, ssh.PublicKeysCallback(agent.NewClient(conn).Signers))
	}
	return config, nil
}

func (l *login) signer() (ssh.Signer, error) {
	if l.PrivateKeyPassword != nil {
		return ssh.ParsePrivateKeyWithPassphrase([]byte(*l.PrivateKey), []byte(*l.PrivateKeyPassword))
	}
	return ssh.ParsePrivateKey([]byte(*l.PrivateKey))
}

// answer gives the password to every question of keyboard-interactive authentication.
func (l *login) answer(_, _ string, questions []string, _ []bool) ([]string, error) {
	answers := make([]string, len(questions))
	for i := range answers {
		answers[i] = *l.Password
	}
	return answers, nil
}
