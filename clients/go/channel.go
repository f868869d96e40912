package reports

import (
	"strings"
	"time"

	"google.golang.org/grpc"
	grpcbackoff "google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/resolver"
)

// maxMessageBytes is for large pages: one of 1,000 items that all failed exceeds the 4 MiB that gRPC takes by default.
const maxMessageBytes = 64 << 20

func (s *settings) dialOptions(transport credentials.TransportCredentials) []grpc.DialOption {
	options := []grpc.DialOption{
		grpc.WithUserAgent(userAgent),
		grpc.WithTransportCredentials(transport),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessageBytes)),
		// A connection that lost its peer without a word is found out even when no stream with heartbeats uses it. More
		// than one ping a minute a server might take for abuse.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time: 60 * time.Second, Timeout: 10 * time.Second, PermitWithoutStream: true,
		}),
		// A server that was restarted is found again within about a second; the default grows to two minutes. The
		// longest wait is 1 s with its jitter.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: grpcbackoff.Config{
				BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 800 * time.Millisecond,
			},
			// The time that one attempt to connect may take, in spite of its name.
			MinConnectTimeout: 5 * time.Second,
		}),
	}
	if s.header != nil {
		options = append(options, grpc.WithPerRPCCredentials(s.header))
	}
	return append(options, s.dial...)
}

// resolvedByDialer makes the name of a host be looked up at every attempt to connect, for a server that comes back
// under another address: gRPC's own resolver asks at most every 30 seconds. A target that names a resolver keeps it.
func resolvedByDialer(target string) string {
	if scheme, _, named := strings.Cut(target, ":"); named && resolver.Get(scheme) != nil {
		return target
	}
	return "passthrough:///" + target
}
