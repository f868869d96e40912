// Package webhooks is for receivers of webhooks: it tells whether one is ours, and reads it.
//
//	func receive(response http.ResponseWriter, request *http.Request) {
//		body, err := io.ReadAll(http.MaxBytesReader(response, request.Body, 1<<20))
//		if err != nil {
//			http.Error(response, "unreadable", http.StatusBadRequest)
//			return
//		}
//		webhook, err := webhooks.Verify(body, request.Header, secret)
//		if err != nil {
//			log.Print(err)
//			http.Error(response, "not ours", http.StatusUnauthorized)
//			return
//		}
//		log.Print(webhook.ID, webhook.Type)
//	}
//
// Any library for Standard Webhooks (https://www.standardwebhooks.com) does as well.
package webhooks

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	prefix           = "whsec_"
	defaultTolerance = 5 * time.Minute
)

var (
	// ErrNotOurs says that the request is not to be trusted: answer it with 401 and do nothing else. The text of the error
	// is for your log.
	ErrNotOurs = errors.New("webhooks: not ours")
	// ErrSecret says that the secret is none, which is the receiver's own mistake.
	ErrSecret = errors.New("webhooks: the secret must be whsec_ and Base64, as RotateWebhookSecret returned it")
)

// Webhook is a webhook that is ours.
type Webhook struct {
	// ID is the same in every attempt at one delivery: who has acted on it answers 200 and does nothing.
	ID string `json:"-"`
	// Type is batch.finished; pass over what you do not know.
	Type string `json:"type"`
	// Timestamp is when it happened, as RFC 3339 has it.
	Timestamp string `json:"timestamp"`
	// Data has the fields of the batch as its JSON over REST.
	Data map[string]any `json:"data"`
}

// Verifier verifies webhooks; its zero value is good.
type Verifier struct {
	// Tolerance is how long ago, or how far ahead, one may be dated; 0 is 5 minutes. An older one may be sent again by
	// somebody else.
	Tolerance time.Duration
	// Now is the clock; nil is that of the machine.
	Now func() time.Time
}

// Verify returns the webhook that a request carries. body is as it arrived, not parsed and written again; secret is what
// [Client.RotateWebhookSecret] returned.
//
// It fails with [ErrNotOurs] or [ErrSecret].
//
// [Client.RotateWebhookSecret]: https://pkg.go.dev/github.com/fna-reports/fna-reports/clients/go#Client.RotateWebhookSecret
func Verify(body []byte, header http.Header, secret string) (*Webhook, error) {
	return Verifier{}.Verify(body, header, secret)
}

// Verify is the function [Verify] with a tolerance and a clock of one's own.
func (v Verifier) Verify(body []byte, header http.Header, secret string) (*Webhook, error) {
	key, err := base64.StdEncoding.Strict().DecodeString(strings.TrimPrefix(secret, prefix))
	if err != nil || len(key) == 0 { // With an empty key, which anybody has, anybody's signature would be ours.
		return nil, ErrSecret
	}
	id, timestamp := header.Get("webhook-id"), header.Get("webhook-timestamp")
	seconds, err := strconv.ParseUint(timestamp, 10, 62)
	if id == "" || err != nil {
		return nil, fmt.Errorf("%w: webhook-id or webhook-timestamp is missing or malformed", ErrNotOurs)
	}
	if v.now().Sub(time.Unix(int64(seconds), 0)).Abs() > v.tolerance() {
		return nil, fmt.Errorf(
			"%w: it was signed at %s, which is too long ago or ahead; check the clocks", ErrNotOurs, timestamp)
	}
	if !signed(header.Get("webhook-signature"), key, id, timestamp, body) {
		return nil, fmt.Errorf(
			"%w: no signature is ours; is the secret the present one, and the body unchanged?", ErrNotOurs)
	}
	return parsed(id, body)
}

func (v Verifier) now() time.Time {
	if v.Now == nil {
		return time.Now()
	}
	return v.Now()
}

func (v Verifier) tolerance() time.Duration {
	if v.Tolerance == 0 {
		return defaultTolerance
	}
	return v.Tolerance
}

// signed tells whether one of the signatures is made with the key: there are several while secrets change.
func signed(signatures string, key []byte, id, timestamp string, body []byte) bool {
	digest := hmac.New(sha256.New, key)
	fmt.Fprintf(digest, "%s.%s.", id, timestamp)
	digest.Write(body)
	expected := []byte("v1," + base64.StdEncoding.EncodeToString(digest.Sum(nil)))
	for given := range strings.SplitSeq(signatures, " ") {
		if hmac.Equal([]byte(given), expected) {
			return true
		}
	}
	return false
}

func parsed(id string, body []byte) (*Webhook, error) {
	webhook := &Webhook{}
	err := json.Unmarshal(body, webhook)
	if err != nil || webhook.Type == "" || webhook.Timestamp == "" || webhook.Data == nil {
		return nil, fmt.Errorf("%w: it is signed and yet no webhook of a form that is known here", ErrNotOurs)
	}
	webhook.ID = id
	return webhook, nil
}
