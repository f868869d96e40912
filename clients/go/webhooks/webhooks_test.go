package webhooks

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	secret  = "whsec_c2VjcmV0"
	other   = "whsec_b3RoZXI="
	content = `{"type":"batch.finished","timestamp":"2026-01-01T00:00:00Z","data":{"status":"FAILED"}}`
)

var now = time.Unix(1_700_000_000, 0)

// signature is made by hand here, as https://www.standardwebhooks.com has them.
func signature(t *testing.T, secret, body string, at time.Time) string {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	digest := hmac.New(sha256.New, key)
	fmt.Fprintf(digest, "msg_1.%d.%s", at.Unix(), body)
	return "v1," + base64.StdEncoding.EncodeToString(digest.Sum(nil))
}

func headers(id string, timestamp string, signatures ...string) http.Header {
	header := http.Header{}
	header.Set("webhook-id", id)
	header.Set("webhook-timestamp", timestamp)
	header.Set("webhook-signature", strings.Join(signatures, " "))
	return header
}

func ours(t *testing.T, body string, at time.Time, secrets ...string) http.Header {
	t.Helper()
	var signatures []string
	for _, secret := range secrets {
		signatures = append(signatures, signature(t, secret, body, at))
	}
	return headers("msg_1", strconv.FormatInt(at.Unix(), 10), signatures...)
}

func verify(body string, header http.Header, secret string) (*Webhook, error) {
	return Verifier{Now: func() time.Time { return now }}.Verify([]byte(body), header, secret)
}

func TestOneOfOursIsRead(t *testing.T) {
	webhook, err := verify(content, ours(t, content, now, secret), secret)
	if err != nil {
		t.Fatal(err)
	}
	if webhook.ID != "msg_1" || webhook.Type != "batch.finished" || webhook.Data["status"] != "FAILED" {
		t.Errorf("got %+v", webhook)
	}
}

func TestOneSignatureOfSeveralIsEnoughWhileSecretsChange(t *testing.T) {
	if _, err := verify(content, ours(t, content, now, other, secret), secret); err != nil {
		t.Error(err)
	}
}

func TestWithoutAClockItIsThatOfTheMachine(t *testing.T) {
	if _, err := Verify([]byte(content), ours(t, content, time.Now(), secret), secret); err != nil {
		t.Error(err)
	}
	_, err := Verify([]byte(content), ours(t, content, now, secret), secret)
	if !errors.Is(err, ErrNotOurs) {
		t.Errorf("got %v", err)
	}
}

func TestAToleranceOfOnesOwn(t *testing.T) {
	verifier := Verifier{Tolerance: time.Hour, Now: func() time.Time { return now.Add(30 * time.Minute) }}
	if _, err := verifier.Verify([]byte(content), ours(t, content, now, secret), secret); err != nil {
		t.Error(err)
	}
}

func TestWhatIsNotOursIsRefused(t *testing.T) {
	good := signature(t, secret, content, now)
	at := strconv.FormatInt(now.Unix(), 10)
	for name, test := range map[string]struct {
		body   string
		header http.Header
		says   string
	}{
		"an old one":            {content, ours(t, content, now.Add(-301*time.Second), secret), "clocks"},
		"a future one":          {content, ours(t, content, now.Add(301*time.Second), secret), "clocks"},
		"no signature":          {content, headers("msg_1", at), "no signature"},
		"a wrong signature":     {content, headers("msg_1", at, "v1,AAAA", "v1a,x"), "no signature"},
		"another id":            {content, headers("msg_2", at, good), "no signature"},
		"no id":                 {content, headers("", at, good), "missing"},
		"a time in words":       {content, headers("msg_1", "now", good), "malformed"},
		"a time with a sign":    {content, headers("msg_1", "+"+at, good), "malformed"},
		"another time":          {content, headers("msg_1", strconv.FormatInt(now.Unix()+1, 10), good), "no signature"},
		"another body":          {content + " ", headers("msg_1", at, good), "no signature"},
		"another secret":        {content, ours(t, content, now, other), "no signature"},
		"a time out of range":   {content, headers("msg_1", "99999999999999999999999", good), "malformed"},
		"a time that overflows": {content, headers("msg_1", "4611686018427387903", good), "clocks"},
	} {
		if _, err := verify(test.body, test.header, secret); !errors.Is(err, ErrNotOurs) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestWhatIsSignedAndNoWebhookIsRefused(t *testing.T) {
	for _, body := range []string{"", "[]", "{}", `{"type": 1}`, "\xff", `{"type":"a","timestamp":"b","data":1}`} {
		if _, err := verify(body, ours(t, body, now, secret), secret); !errors.Is(err, ErrNotOurs) {
			t.Errorf("%q: got %v", body, err)
		}
	}
}

func TestASecretThatIsNoneIsTheReceiversOwnMistake(t *testing.T) {
	for _, none := range []string{"whsec_?", "whsec_", ""} {
		if _, err := verify(content, ours(t, content, now, secret, "whsec_"), none); !errors.Is(err, ErrSecret) {
			t.Errorf("%q: got %v", none, err)
		}
	}
}
