package reports

import (
	"context"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// ErrorOf returns the [*Error] that a status inside a message is, as the one of an item that failed; nil when there is no
// status or it is OK.
func ErrorOf(found *rpcstatus.Status) error {
	if codes.Code(found.GetCode()) == codes.OK {
		return nil
	}
	return errorOfStatus(status.FromProto(found))
}

// errorOf returns the error for a call that failed, with the details that its trailers carry. ctx is that of the caller.
func errorOf(ctx context.Context, failure error) *Error {
	found, ok := status.FromError(failure)
	if !ok {
		found = status.FromContextError(failure)
	}
	made := errorOfStatus(found)
	made.cause = failure
	if ended := made.Code == codes.Canceled || made.Code == codes.DeadlineExceeded; ended && ctx.Err() != nil {
		made.cause = ctx.Err()
	}
	return made
}

func errorOfStatus(found *status.Status) *Error {
	made := &Error{Code: found.Code(), Message: found.Message()}
	// A detail that cannot be read is an error among these: a proxy's idea of details.
	for _, detail := range found.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			made.Reason, made.Metadata = detail.Reason, detail.Metadata
		case *errdetails.BadRequest:
			made.FieldViolations = detail.FieldViolations
		case *errdetails.QuotaFailure:
			made.QuotaViolations = detail.Violations
		case *errdetails.RetryInfo:
			made.RetryDelay = detail.GetRetryDelay().AsDuration()
		}
	}
	return made
}
