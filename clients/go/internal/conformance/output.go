package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	reports "github.com/fna-reports/fna-reports/clients/go"
)

// lines writes JSON, an object a line, for several goroutines.
type lines struct {
	mutex   sync.Mutex
	encoder *json.Encoder
}

func (l *lines) write(line answer) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if err := l.encoder.Encode(line); err != nil {
		// Whoever reads is gone, or a message cannot be written: nothing that it is told now would be of use.
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

// answer is one line of output.
type answer struct {
	ID          json.RawMessage `json:"id"`
	Result      any             `json:"result,omitempty"`
	Event       any             `json:"event,omitempty"`
	Done        bool            `json:"done,omitempty"`
	Interrupted *failure        `json:"interrupted,omitempty"`
	Error       *failure        `json:"error,omitempty"`
}

// failure is an error in the words of the suite.
type failure struct {
	Code              string            `json:"code"`
	Reason            string            `json:"reason"`
	Message           string            `json:"message"`
	Metadata          map[string]string `json:"metadata"`
	Fields            []field           `json:"fields"`
	RetryDelaySeconds *float64          `json:"retry_delay_seconds"`
}

type field struct {
	Field       string `json:"field"`
	Description string `json:"description"`
}

func errorBody(err error) *failure {
	body := &failure{
		Code: code.Code_UNKNOWN.String(), Message: err.Error(), Metadata: map[string]string{}, Fields: []field{},
	}
	var found *reports.Error
	if !errors.As(err, &found) {
		return body
	}
	body.Code = code.Code(found.Code).String()
	body.Reason, body.Message = found.Reason, found.Message
	if found.Metadata != nil {
		body.Metadata = found.Metadata
	}
	for _, violation := range found.FieldViolations {
		body.Fields = append(body.Fields, field{violation.Field, violation.Description})
	}
	if found.RetryDelay > 0 {
		delay := found.RetryDelay.Seconds()
		body.RetryDelaySeconds = &delay
	}
	return body
}

// message is written as the JSON of proto3, with the names of the contract.
type message struct {
	proto.Message
}

// MarshalJSON is a method of json.Marshaler.
func (m message) MarshalJSON() ([]byte, error) {
	return protojson.MarshalOptions{UseProtoNames: true}.Marshal(m.Message)
}
