package reports

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"

	reportsv1 "github.com/fna-reports/fna-reports/clients/go/fna/reports/v1"
)

// Client calls the service over one connection. Make it with [NewClient], and close it.
type Client struct {
	connection       *grpc.ClientConn
	transport        *droppable
	submissions      reportsv1.BatchSubmissionServiceClient
	statuses         reportsv1.BatchStatusServiceClient
	reports          reportsv1.ReportServiceClient
	diagnostics      reportsv1.DiagnosticsServiceClient
	timeout          time.Duration
	reconnectTimeout time.Duration
}

// NewClient returns a client of the server at target, host:port or any other target of gRPC.
//
// It connects when the first call is made. Without [WithTLS] or its siblings the connection is not encrypted. It fails
// only when target or an option is wrong.
func NewClient(target string, options ...Option) (*Client, error) {
	settings, err := newSettings(options)
	if err != nil {
		return nil, err
	}
	transport := newDroppable(settings.transport)
	connection, err := grpc.NewClient(resolvedByDialer(target), settings.dialOptions(transport)...)
	if err != nil {
		return nil, fmt.Errorf("reports: connecting to %s: %w", target, err)
	}
	return &Client{
		connection:       connection,
		transport:        transport,
		submissions:      reportsv1.NewBatchSubmissionServiceClient(connection),
		statuses:         reportsv1.NewBatchStatusServiceClient(connection),
		reports:          reportsv1.NewReportServiceClient(connection),
		diagnostics:      reportsv1.NewDiagnosticsServiceClient(connection),
		timeout:          settings.timeout,
		reconnectTimeout: settings.reconnectTimeout,
	}, nil
}

// Close closes the connection. Calls and watches that still run fail.
func (c *Client) Close() error {
	return c.connection.Close()
}

// Connect waits until the connection is up, which calls otherwise do by themselves. It fails with [ErrUnavailable] when
// the context ends before, and at once when the client is closed.
func (c *Client) Connect(ctx context.Context) error {
	for {
		c.connection.Connect()
		state := c.connection.GetState()
		switch state {
		case connectivity.Ready:
			return nil
		case connectivity.Shutdown:
			return &Error{Code: codes.Canceled, Message: "the client is closed"}
		}
		if !c.connection.WaitForStateChange(ctx, state) {
			return &Error{
				Code:    codes.Unavailable,
				Message: fmt.Sprintf("cannot connect to %s", c.connection.CanonicalTarget()),
				cause:   ctx.Err(),
			}
		}
	}
}

// call makes attempts at a call until one is answered, within the client's time-out.
func call[Request, Response any](
	ctx context.Context,
	client *Client,
	method func(context.Context, Request, ...grpc.CallOption) (Response, error),
	request Request,
) (Response, error) {
	return try(ctx, client, func(ctx context.Context) (Response, error) { return method(ctx, request) })
}

// once makes a call, whose first failure is the answer, within the client's time-out.
func once[Request, Response any](
	ctx context.Context,
	client *Client,
	method func(context.Context, Request, ...grpc.CallOption) (Response, error),
	request Request,
) (Response, error) {
	within, cancel := context.WithTimeout(ctx, client.timeout)
	defer cancel()
	response, err := method(within, request)
	if err != nil {
		return response, errorOf(ctx, err)
	}
	return response, nil
}

func try[Response any](
	ctx context.Context, client *Client, attempt func(context.Context) (Response, error),
) (Response, error) {
	within, cancel := context.WithTimeout(ctx, client.timeout)
	defer cancel()
	attempts := newAttempts(client.timeout)
	for {
		response, err := attempt(within)
		if err == nil {
			return response, nil
		}
		failure := errorOf(ctx, err)
		wait, again := attempts.waitAfter(failure)
		if !again {
			return response, failure
		}
		if err := sleep(ctx, wait); err != nil {
			return response, err
		}
	}
}

// sleep waits, or returns an error when the context ends before.
func sleep(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return errorOf(ctx, ctx.Err())
	}
}
