package reports

import "context"

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
	if err != nil {
		return nil, err
	}
	return map[string]string{a.header: a.prefix + secret}, nil
}

// RequireTransportSecurity is a method of credentials.PerRPCCredentials.
func (a *authentication) RequireTransportSecurity() bool {
	return !a.unencrypted
}
