package reports

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// authentication puts a header into every call that tells the server who calls.
type authentication struct {
	header      string
	prefix      string
	source      func(context.Context) (string, error)
	unencrypted bool
}

// GetRequestMetadata is a method of credentials.PerRPCCredentials.
func (a *authentication) GetRequestMetadata(ctx context.Context, _ ...string) (map[string]string, error) {
	secret, err := a.source(ctx)
	if err == nil {
		return map[string]string{a.header: a.prefix + secret}, nil
	}
	if _, isStatus := status.FromError(err); isStatus {
		return nil, err
	}
	return nil, sourceError{err}
}

// RequireTransportSecurity is a method of credentials.PerRPCCredentials.
func (a *authentication) RequireTransportSecurity() bool {
	return !a.unencrypted
}

// sourceError is one of a token source, as UNAVAILABLE, upon which the call is made again. gRPC would make it
// UNAUTHENTICATED, the word of a server that refuses a token.
type sourceError struct{ cause error }

// Error returns what the status says.
func (e sourceError) Error() string { return e.GRPCStatus().Message() }

// GRPCStatus is what gRPC asks an error for.
func (e sourceError) GRPCStatus() *status.Status {
	return status.New(codes.Unavailable, "token source: "+e.cause.Error())
}

// Unwrap returns the error of the source.
func (e sourceError) Unwrap() error { return e.cause }
