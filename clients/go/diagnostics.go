package reports

import (
	"context"

	reportsv1 "github.com/fna-reports/fna-reports/clients/go/fna/reports/v1"
)

// Diagnostics returns how the server is, its database, the queues and the workers: what `fna-reports doctor` looks at.
//
// The server is asked once: that it or its database is away is what one wants to hear. It fails with [ErrUnavailable], and
// with the Code [codes.Unimplemented] when the server is too old to tell.
func (c *Client) Diagnostics(ctx context.Context) (*reportsv1.GetDiagnosticsResponse, error) {
	return once(ctx, c, c.diagnostics.GetDiagnostics, &reportsv1.GetDiagnosticsRequest{})
}
