package reports

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

const defaultTimeout = 30 * time.Second

// Option changes how a [Client] connects or calls.
type Option func(*settings) error

type settings struct {
	timeout          time.Duration
	reconnectTimeout time.Duration
	transport        credentials.TransportCredentials
	header           *authentication
	unencrypted      bool
	dial             []grpc.DialOption
}

func newSettings(options []Option) (*settings, error) {
	made := &settings{timeout: defaultTimeout, transport: insecure.NewCredentials()}
	for _, option := range options {
		if err := option(made); err != nil {
			return nil, fmt.Errorf("reports: %w", err)
		}
	}
	if made.header != nil {
		if made.transport.Info().SecurityProtocol == insecure.NewCredentials().Info().SecurityProtocol && !made.unencrypted {
			return nil, errors.New("reports: a token or API key would be sent unencrypted, for all to read: add WithTLS, " +
				"or AllowUnencryptedCredentials where nobody else is on the network")
		}
		made.header.unencrypted = made.unencrypted
	}
	return made, nil
}

// WithTimeout bounds every call, all its attempts included, and how long a watch that has received nothing at all is tried.
// A server that takes the watch and is silent is found out only after three heartbeat intervals, 45 seconds by default, so
// that such a start fails after this time-out or those, whichever is longer. The default is 30 seconds. The context of a
// call or watch may end it sooner.
func WithTimeout(timeout time.Duration) Option {
	return func(s *settings) error {
		if timeout <= 0 {
			return fmt.Errorf("the time-out of calls is %v and has to be more than 0", timeout)
		}
		s.timeout = timeout
		return nil
	}
}

// WithReconnectTimeout bounds how long a watch tries to continue after an interruption. By default it tries for ever.
func WithReconnectTimeout(timeout time.Duration) Option {
	return func(s *settings) error {
		if timeout <= 0 {
			return fmt.Errorf("the time-out of reconnecting is %v and has to be more than 0", timeout)
		}
		s.reconnectTimeout = timeout
		return nil
	}
}

// WithTLS encrypts the connection as config says; nil verifies the server by the roots of the system. For mTLS it has
// the client's certificate in Certificates.
func WithTLS(config *tls.Config) Option {
	return WithTransportCredentials(credentials.NewTLS(config))
}

// WithTLSFiles encrypts the connection and verifies the server by the PEM certificates in authorities, or by the roots of
// the system when that is empty. A certificate and its key, unless both are empty, tell the server who the client is.
func WithTLSFiles(authorities, certificate, key string) Option {
	return func(s *settings) error {
		config := &tls.Config{MinVersion: tls.VersionTLS12}
		if authorities != "" {
			pem, err := os.ReadFile(authorities)
			if err != nil {
				return err
			}
			config.RootCAs = x509.NewCertPool()
			if !config.RootCAs.AppendCertsFromPEM(pem) {
				return fmt.Errorf("%s has no certificate in PEM form", authorities)
			}
		}
		if certificate != "" || key != "" {
			pair, err := tls.LoadX509KeyPair(certificate, key)
			if err != nil {
				return err
			}
			config.Certificates = []tls.Certificate{pair}
		}
		s.transport = credentials.NewTLS(config)
		return nil
	}
}

// WithTransportCredentials secures the connection in a way that [WithTLS] has no words for.
func WithTransportCredentials(transport credentials.TransportCredentials) Option {
	return func(s *settings) error {
		s.transport = transport
		return nil
	}
}

// WithToken sends the token with every call, as "authorization: Bearer ...".
func WithToken(token string) Option {
	return WithTokenSource(func(context.Context) (string, error) { return token, nil })
}

// WithTokenSource is [WithToken] for tokens that expire: source is asked at every attempt of a call, so it should keep the
// token that it has for as long as that is good.
//
// An error of source is [ErrUnavailable], so that the call is made again and a watch goes on, unless it is a status of
// gRPC: return one, codes.Unauthenticated for example, for what trying again does not help.
func WithTokenSource(source func(context.Context) (string, error)) Option {
	return func(s *settings) error {
		s.header = &authentication{header: "authorization", prefix: "Bearer ", source: source}
		return nil
	}
}

// WithAPIKey sends the key with every call, as "x-api-key: ...".
func WithAPIKey(key string) Option {
	return func(s *settings) error {
		source := func(context.Context) (string, error) { return key, nil }
		s.header = &authentication{header: "x-api-key", source: source}
		return nil
	}
}

// AllowUnencryptedCredentials lets a token or API key be sent over a connection that is not encrypted, which is refused
// otherwise: for a service mesh or a sidecar that encrypts by itself.
func AllowUnencryptedCredentials() Option {
	return func(s *settings) error {
		s.unencrypted = true
		return nil
	}
}

// WithDialOptions passes options on to gRPC, interceptors for example. They come last and so override this package's.
func WithDialOptions(options ...grpc.DialOption) Option {
	return func(s *settings) error {
		s.dial = append(s.dial, options...)
		return nil
	}
}
