package reports

import (
	"context"
	"net"
	"sync/atomic"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
)

// droppable is transport credentials that remember the newest connection, so that a stream which finds it dead can drop
// it. gRPC would open the next stream on the same connection and find out by its pings, a minute later.
type droppable struct {
	credentials.TransportCredentials
	newest *atomic.Pointer[net.Conn]
}

func newDroppable(transport credentials.TransportCredentials) *droppable {
	return &droppable{TransportCredentials: transport, newest: &atomic.Pointer[net.Conn]{}}
}

// ClientHandshake is a method of credentials.TransportCredentials.
func (d *droppable) ClientHandshake(
	ctx context.Context, authority string, raw net.Conn,
) (net.Conn, credentials.AuthInfo, error) {
	secured, info, err := d.TransportCredentials.ClientHandshake(ctx, authority, raw)
	if err == nil {
		d.newest.Store(&raw)
	}
	return secured, info, err
}

// Clone is a method of credentials.TransportCredentials.
func (d *droppable) Clone() credentials.TransportCredentials {
	return &droppable{TransportCredentials: d.TransportCredentials.Clone(), newest: d.newest}
}

// drop closes the connection that a stream is on, by the context of the stream, unless there is a newer one already.
// Other calls on it meet UNAVAILABLE and go on as after any cut.
func (d *droppable) drop(ctx context.Context) {
	on, known := peer.FromContext(ctx)
	newest := d.newest.Load()
	if known && newest != nil && on.LocalAddr.String() == (*newest).LocalAddr().String() {
		(*newest).Close()
	}
}
