package reports

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	reportsv1 "github.com/fna-reports/fna-reports/clients/go/fna/reports/v1"
)

// authority signs the certificates of a test, and writes everything into files.
type authority struct {
	folder      string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	made := &authority{folder: t.TempDir()}
	made.certificate, made.key = made.sign(t, "authority", &x509.Certificate{
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	return made
}

// sign writes NAME.pem and NAME.key.
func (a *authority) sign(t *testing.T, name string, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template.SerialNumber, template.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: name}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.certificate, a.key
	if parent == nil {
		parent, signer = template, key
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	check(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	check(t, err)
	a.write(t, name+".pem", "CERTIFICATE", signed)
	a.write(t, name+".key", "PRIVATE KEY", private)
	certificate, err := x509.ParseCertificate(signed)
	check(t, err)
	return certificate, key
}

func (a *authority) write(t *testing.T, name, kind string, content []byte) {
	t.Helper()
	check(t, os.WriteFile(a.path(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600))
}

func (a *authority) path(name string) string {
	return filepath.Join(a.folder, name)
}

// server returns the option of a server on the loopback address, which asks clients who they are as clients says.
func (a *authority) server(t *testing.T, clients tls.ClientAuthType) grpc.ServerOption {
	t.Helper()
	a.sign(t, "server", &x509.Certificate{
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	a.sign(t, "client", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	pair, err := tls.LoadX509KeyPair(a.path("server.pem"), a.path("server.key"))
	check(t, err)
	return grpc.Creds(credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{pair}, ClientAuth: clients, ClientCAs: a.pool(),
	}))
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// securePeer is one that knows a report.
func securePeer(t *testing.T, options ...grpc.ServerOption) *peerServer {
	t.Helper()
	peer := newPeer(t, options...)
	peer.answers["GetReport"] = []any{&reportsv1.GetReportResponse{Report: &reportsv1.Report{ReportId: reportID}}}
	return peer
}

func TestAServerIsVerifiedByItsAuthority(t *testing.T) {
	authority := newAuthority(t)
	peer := securePeer(t, authority.server(t, tls.NoClientCert))
	for name, option := range map[string]Option{
		"files":  WithTLSFiles(authority.path("authority.pem"), "", ""),
		"config": WithTLS(&tls.Config{RootCAs: authority.pool()}),
	} {
		if _, err := peer.client(t, option).GetReport(within(t), reportID); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	refused(t, peer, WithTLS(nil))
}

func TestAServerThatAsksWhoTheClientIsIsToldByItsCertificate(t *testing.T) {
	authority := newAuthority(t)
	peer := securePeer(t, authority.server(t, tls.RequireAndVerifyClientCert))
	roots := authority.path("authority.pem")
	known := WithTLSFiles(roots, authority.path("client.pem"), authority.path("client.key"))
	if _, err := peer.client(t, known).GetReport(within(t), reportID); err != nil {
		t.Error(err)
	}
	refused(t, peer, WithTLSFiles(roots, "", ""))
}

// refused demands that no call of a client with this option gets through.
func refused(t *testing.T, peer *peerServer, option Option) {
	t.Helper()
	before := len(peer.calls("GetReport"))
	if _, err := peer.client(t, option, WithTimeout(500*time.Millisecond)).GetReport(within(t), reportID); err == nil {
		t.Error("the call is answered")
	}
	if len(peer.calls("GetReport")) != before {
		t.Error("the call reached the server")
	}
}

func TestATokenOrKeyIsSentWithEveryCallOverTLS(t *testing.T) {
	authority := newAuthority(t)
	peer := securePeer(t, authority.server(t, tls.NoClientCert))
	tokens := []string{"first", "second"}
	source := func(context.Context) (string, error) {
		token := tokens[0]
		tokens = tokens[1:]
		return token, nil
	}
	for name, test := range map[string]struct {
		option Option
		header string
		sent   []string
	}{
		"a token":    {WithToken("secret"), "authorization", []string{"Bearer secret", "Bearer secret"}},
		"new tokens": {WithTokenSource(source), "authorization", []string{"Bearer first", "Bearer second"}},
		"a key":      {WithAPIKey("secret"), "x-api-key", []string{"secret", "secret"}},
	} {
		t.Run(name, func(t *testing.T) {
			client := peer.client(t, test.option, WithTLS(&tls.Config{RootCAs: authority.pool()}))
			for _, want := range test.sent {
				_, err := client.GetReport(within(t), reportID)
				check(t, err)
				equal(t, peer.metadata.Get(test.header), []string{want})
			}
		})
	}
}

func TestATokenThatCannotBeHadFailsTheCall(t *testing.T) {
	closed := errors.New("the vault is closed")
	for name, test := range map[string]struct{ fails, kind error }{
		"in the end":                  {closed, ErrUnavailable},
		"at once when it is a status": {status.Error(codes.Unauthenticated, "the vault has no such token"), ErrAccessDenied},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			client := securePeer(t).client(t, AllowUnencryptedCredentials(), WithTimeout(400*time.Millisecond),
				WithTokenSource(func(context.Context) (string, error) {
					asked++
					return "", test.fails
				}))
			_, err := client.GetReport(within(t), reportID)
			is(t, err, test.kind)
			if again := asked > 1; !errors.Is(err, test.fails) || again != (test.kind == ErrUnavailable) {
				t.Errorf("got %v after it was asked %d times", err, asked)
			}
		})
	}
}

func TestATokenThatCannotBeHadForAMomentIsAskedForAgain(t *testing.T) {
	peer := securePeer(t)
	peer.streams = append(peer.streams, steps(message(snapshot(1)), draining(0)), steps(message(finished(2))))
	asked := 0
	client := peer.client(t, AllowUnencryptedCredentials(), WithTokenSource(func(context.Context) (string, error) {
		if asked++; asked%2 == 1 {
			return "", errors.New("the vault is closed")
		}
		return "secret", nil
	}))
	_, err := client.GetReport(within(t), reportID)
	check(t, err)
	equal(t, peer.metadata.Get("authorization"), []string{"Bearer secret"})
	watched(t, client, nil, 1, 2)
	if asked != 6 {
		t.Errorf("it was asked %d times", asked)
	}
}

func TestASecretIsNotSentUnencryptedUnlessThatIsAllowed(t *testing.T) {
	peer := securePeer(t)
	for _, option := range []Option{WithToken("secret"), WithAPIKey("secret")} {
		if _, err := NewClient(peer.address, option); err == nil || !strings.Contains(err.Error(), "WithTLS") {
			t.Errorf("got %v", err)
		}
	}
	_, err := peer.client(t, WithAPIKey("secret"), AllowUnencryptedCredentials()).GetReport(within(t), reportID)
	check(t, err)
	equal(t, peer.metadata.Get("x-api-key"), []string{"secret"})
}

func TestTheServerSeesWhichClientCalls(t *testing.T) {
	peer := securePeer(t)
	_, err := peer.client(t).GetReport(within(t), reportID)
	check(t, err)
	if agent := peer.metadata.Get("user-agent"); len(agent) != 1 || !strings.HasPrefix(agent[0], "fna-reports-go/"+Version) {
		t.Errorf("got %v", agent)
	}
}

func TestAWrongOptionIsRefusedAtOnce(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	check(t, os.WriteFile(empty, nil, 0o600))
	for name, option := range map[string]Option{
		"a time-out of nothing":     WithTimeout(0),
		"a time-out before now":     WithReconnectTimeout(-time.Second),
		"authorities that are away": WithTLSFiles("/none.pem", "", ""),
		"authorities that are none": WithTLSFiles(empty, "", ""),
		"a certificate without key": WithTLSFiles("", empty, ""),
	} {
		if _, err := NewClient("127.0.0.1:1", option); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestATargetThatNamesNoResolverIsLookedUpAtEveryConnection(t *testing.T) {
	for target, want := range map[string]string{
		"127.0.0.1:50051":    "passthrough:///127.0.0.1:50051",
		"reports:50051":      "passthrough:///reports:50051",
		"[::1]:50051":        "passthrough:///[::1]:50051",
		"dns:///reports:1":   "dns:///reports:1",
		"unix:/run/reports":  "unix:/run/reports",
		"passthrough:///a:1": "passthrough:///a:1",
	} {
		if got := resolvedByDialer(target); got != want {
			t.Errorf("%s: got %s, want %s", target, got, want)
		}
	}
}
