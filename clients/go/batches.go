package reports

import (
	"context"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	reportsv1 "github.com/fna-reports/fna-reports/clients/go/fna/reports/v1"
)

// SubmitOptions change how a batch is run.
type SubmitOptions struct {
	// RequestID is a UUID that makes repeated calls one submission, also over a restart of your program; without it one is
	// made for this call.
	RequestID string
	// Labels are for finding the batch.
	Labels map[string]string
	// Priority is 0 to 9, 9 first, for example proto.Int32(9); nil leaves it to the server.
	Priority *int32
	// ExecutionTimeout is how long items may wait for their start before they fail; 0 is for ever.
	ExecutionTimeout time.Duration
	// WebhookURL is told when the batch is over; its receiver has package webhooks.
	WebhookURL string
}

func (o SubmitOptions) request(reportIDs []string) *reportsv1.SubmitBatchRequest {
	return &reportsv1.SubmitBatchRequest{
		ReportIds:        reportIDs,
		RequestId:        requestID(o.RequestID),
		Labels:           o.Labels,
		Priority:         o.Priority,
		ExecutionTimeout: duration(o.ExecutionTimeout),
		WebhookUrl:       o.WebhookURL,
	}
}

// Submit submits reports for analysis and returns the batch at once.
//
// It fails with [ErrInvalidRequest], with [ErrNotFound] when any report does not exist (the Metadata has their ids), with
// [ErrConflict] when the request id was used for another submission, and with [ErrLimitExceeded].
func (c *Client) Submit(ctx context.Context, reportIDs []string, options *SubmitOptions) (*Batch, error) {
	response, err := call(ctx, c, c.submissions.SubmitBatch, orDefaults(options).request(reportIDs))
	if err != nil {
		return nil, err
	}
	return c.handle(response.Batch), nil
}

// Validate checks a submission and submits nothing: the batch that it returns has no identifiers.
//
// It fails as [Client.Submit] does, where the Metadata of [ErrNotFound] has the ids of all reports that do not exist.
func (c *Client) Validate(
	ctx context.Context, reportIDs []string, options *SubmitOptions,
) (*reportsv1.Batch, error) {
	request := orDefaults(options).request(reportIDs)
	request.ValidateOnly = true
	response, err := call(ctx, c, c.submissions.SubmitBatch, request)
	if err != nil {
		return nil, err
	}
	if unknown := response.UnknownReportIds; len(unknown) > 0 {
		return nil, &Error{
			Code:    codes.NotFound,
			Reason:  "REPORT_NOT_FOUND",
			Message: fmt.Sprintf("%d of the reports do not exist", len(unknown)),
			Metadata: map[string]string{
				"report_ids": strings.Join(unknown, ","), "unknown_count": strconv.Itoa(len(unknown)),
			},
		}
	}
	return response.Batch, nil
}

// Batch returns a handle of a batch that exists, without a call. It always means the batch's current execution;
// [Batch.Execution] names another one.
func (c *Client) Batch(batchID string) *Batch {
	return &Batch{client: c, id: batchID}
}

// BatchesOptions narrow a list of batches. All conditions must hold.
type BatchesOptions struct {
	// Statuses leaves out batches with others.
	Statuses []reportsv1.BatchStatus
	// Labels leaves out batches that lack one of them.
	Labels map[string]string
	// BatchIDs leaves out other batches.
	BatchIDs []string
	// PageSize is how many are fetched at a time; 0 leaves it to the server.
	PageSize int32
}

// Batches yields the batches, newest first, without their items. An error ends it.
func (c *Client) Batches(ctx context.Context, options *BatchesOptions) iter.Seq2[*reportsv1.Batch, error] {
	chosen := orDefaults(options)
	filter := &reportsv1.BatchFilter{Statuses: chosen.Statuses, Labels: chosen.Labels, BatchIds: chosen.BatchIDs}
	return paged(ctx, c, c.statuses.ListBatches, func(token string) *reportsv1.ListBatchesRequest {
		return &reportsv1.ListBatchesRequest{Filter: filter, PageSize: chosen.PageSize, PageToken: token}
	}, (*reportsv1.ListBatchesResponse).GetBatches)
}

// WatchBatchesOptions say which batches are watched, and how. All conditions must hold.
type WatchBatchesOptions struct {
	// Statuses has those of which a batch has one before or after an event.
	Statuses []reportsv1.BatchStatus
	// Labels are those that a batch has.
	Labels map[string]string
	// BatchIDs are the batches.
	BatchIDs []string
	// ResumeToken is that of the last message that you processed: the watch continues after it. Without it comes first a
	// snapshot of every batch that matches and is not final.
	ResumeToken string
	// HeartbeatInterval is the longest silence of the server, 1 to 60 s; 0 is 15 s.
	HeartbeatInterval time.Duration
	// ExcludeItemEvents leaves out the events of single reports.
	ExcludeItemEvents bool
	// OnInterruption is told why, each time that the watch was interrupted and continues.
	OnInterruption func(error)
}

// WatchBatches yields messages with the events of all batches that match, those submitted later included. It has no end
// of its own: leave the loop, or end the context.
//
// The events of one batch come in order, each once; the watch continues by itself as [Batch.Events] does. A gap in the
// sequences means that the filter left events out. Progress events repeat a sequence; heartbeats are not handed out.
//
// Keep the ResumeToken of a message that you processed to continue from there with another watch, in another process too.
// That one may be told events again that the first had, which their BatchId and Sequence show. A message without events
// only moves the token. When the events after a token are no longer kept, the watch starts again with snapshots.
//
// It fails with [ErrInvalidRequest], and with [ErrLimitExceeded], [ErrUnavailable] and the error of its context as
// [Batch.Events] does.
func (c *Client) WatchBatches(
	ctx context.Context, options *WatchBatchesOptions,
) iter.Seq2[*reportsv1.WatchBatchesResponse, error] {
	chosen := orDefaults(options)
	request := &reportsv1.WatchBatchesRequest{
		Filter: &reportsv1.BatchFilter{
			Statuses: chosen.Statuses, Labels: chosen.Labels, BatchIds: chosen.BatchIDs,
		},
		ResumeToken:       chosen.ResumeToken,
		HeartbeatInterval: duration(chosen.HeartbeatInterval),
		ExcludeItemEvents: chosen.ExcludeItemEvents,
	}
	return func(yield func(*reportsv1.WatchBatchesResponse, error) bool) {
		watch := newBatchesWatch(request, newInterruptions(c.timeout, c.reconnectTimeout))
		messages := stream[reportsv1.WatchBatchesResponse]{
			open: func(ctx context.Context) (grpc.ServerStreamingClient[reportsv1.WatchBatchesResponse], error) {
				return c.statuses.WatchBatches(ctx, watch.next())
			},
			hand: func(message *reportsv1.WatchBatchesResponse) (bool, *Error) {
				message.Events = watch.take(message)
				return yield(message, nil), nil
			},
			waitAfter:      watch.waitAfter,
			onInterruption: chosen.OnInterruption,
			silenceLimit:   silenceLimit(request.HeartbeatInterval),
			transport:      c.transport,
		}
		if err := messages.follow(ctx); err != nil {
			yield(nil, err)
		}
	}
}

// duration returns what the contract has for a duration: nothing when it is 0.
func duration(given time.Duration) *durationpb.Duration {
	if given == 0 {
		return nil
	}
	return durationpb.New(given)
}
