package reports

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
)

// What an [*Error] is, for [errors.Is]. Any other status is an [*Error] that is none of these.
var (
	// ErrInvalidRequest (INVALID_ARGUMENT): the request is wrong. Correct the fields that FieldViolations name; trying
	// again does not help.
	ErrInvalidRequest = errors.New("reports: invalid request")
	// ErrNotFound (NOT_FOUND): the batch, execution, report or analysis does not exist, or belongs to somebody else; Reason
	// tells which. With REPORT_NOT_FOUND of a submission, Metadata has report_ids (the first 100) and unknown_count.
	ErrNotFound = errors.New("reports: not found")
	// ErrConflict (ALREADY_EXISTS, ABORTED): another call was first. The request id was used with another payload, or the
	// etag is out of date.
	ErrConflict = errors.New("reports: conflict")
	// ErrPrecondition (FAILED_PRECONDITION): the status of the batch or report does not allow the call, for example a retry
	// of a batch that still runs.
	ErrPrecondition = errors.New("reports: precondition")
	// ErrOutOfRange (OUT_OF_RANGE): the sequence to continue from is not one of this batch's history. Watch without
	// AfterSequence.
	ErrOutOfRange = errors.New("reports: out of range")
	// ErrLimitExceeded (RESOURCE_EXHAUSTED): a limit would be exceeded. Send less, or wait for RetryDelay where it is set.
	ErrLimitExceeded = errors.New("reports: limit exceeded")
	// ErrAccessDenied (UNAUTHENTICATED, PERMISSION_DENIED): the credentials are missing, wrong, or not enough for this call.
	ErrAccessDenied = errors.New("reports: access denied")
	// ErrDataLoss (DATA_LOSS): what arrived is not what was sent. Upload again, or for a watch (reason SEQUENCE_GAP) tell
	// the operator.
	ErrDataLoss = errors.New("reports: data loss")
	// ErrDeadlineExceeded (DEADLINE_EXCEEDED): no answer came in time. The call may have had its effect: repeat it with the
	// same request id.
	ErrDeadlineExceeded = errors.New("reports: deadline exceeded")
	// ErrUnavailable (UNAVAILABLE): the server cannot be reached, or went away, and did not come back in time.
	ErrUnavailable = errors.New("reports: unavailable")
)

var kinds = map[codes.Code]error{
	codes.InvalidArgument:    ErrInvalidRequest,
	codes.NotFound:           ErrNotFound,
	codes.AlreadyExists:      ErrConflict,
	codes.Aborted:            ErrConflict,
	codes.FailedPrecondition: ErrPrecondition,
	codes.OutOfRange:         ErrOutOfRange,
	codes.ResourceExhausted:  ErrLimitExceeded,
	codes.Unauthenticated:    ErrAccessDenied,
	codes.PermissionDenied:   ErrAccessDenied,
	codes.DataLoss:           ErrDataLoss,
	codes.DeadlineExceeded:   ErrDeadlineExceeded,
	codes.Unavailable:        ErrUnavailable,
}

// Error says why a call failed, in words that stay the same between releases.
type Error struct {
	// Code is the status of gRPC.
	Code codes.Code
	// Reason is that of the server's google.rpc.ErrorInfo, and empty when the connection failed rather than the server
	// refused.
	Reason string
	// Message is for people.
	Message string
	// Metadata is that of the server's google.rpc.ErrorInfo.
	Metadata map[string]string
	// FieldViolations name the fields of the request that are wrong.
	FieldViolations []*errdetails.BadRequest_FieldViolation
	// QuotaViolations name the limits that the request exceeds.
	QuotaViolations []*errdetails.QuotaFailure_Violation
	// RetryDelay is how long the server asks to wait before another try; 0 when it does not ask.
	RetryDelay time.Duration

	cause error
}

// Error returns the message, the wrong fields and exceeded limits that it does not name itself, and the reason.
func (e *Error) Error() string {
	parts := []string{e.Message}
	if e.Message == "" {
		parts[0] = e.Code.String()
	}
	if violations := e.violations(); len(violations) > 0 {
		parts = append(parts, "("+strings.Join(violations, "; ")+")")
	}
	if e.Reason != "" {
		parts = append(parts, "["+e.Reason+"]")
	}
	return strings.Join(parts, " ")
}

func (e *Error) violations() []string {
	var texts []string
	for _, violation := range e.FieldViolations {
		texts = append(texts, fmt.Sprintf("%s: %s", violation.Field, violation.Description))
	}
	for _, violation := range e.QuotaViolations {
		texts = append(texts, fmt.Sprintf("%s: %s", violation.Subject, violation.Description))
	}
	return slices.DeleteFunc(texts, func(text string) bool { return strings.Contains(e.Message, text) })
}

// Is tells whether the error is of the kind of a sentinel of this package, for [errors.Is].
func (e *Error) Is(target error) bool {
	kind, known := kinds[e.Code]
	return known && kind == target
}

// Unwrap returns what the error was made from: that of gRPC, or that of the context which ended the call.
func (e *Error) Unwrap() error {
	return e.cause
}
